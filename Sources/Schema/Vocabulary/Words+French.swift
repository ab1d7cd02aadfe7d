// French, with the places and formats of France.

extension LocaleWords {
  static let french = LocaleWords(
    code: "fr",
    firstNames: """
      Jean Marie Pierre Nathalie Michel Isabelle Philippe Sylvie Alain Catherine Nicolas Françoise Christophe Martine Patrick Christine
      Daniel Monique Laurent Valérie Bernard Sandrine Frédéric Stéphanie Éric Véronique Thierry Sophie Olivier Céline David Chantal
      Sébastien Patricia Julien Anne Thomas Julie Alexandre Aurélie Antoine Caroline Guillaume Émilie Maxime Camille Lucas Léa Hugo Manon
      Louis Chloé Gabriel Emma Arthur Jade Jules Louise Adam Alice Raphaël Inès Paul Lina Théo Zoé
      """,
    lastNames: """
      Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux David Bertrand Morel
      Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure André Mercier Blanc Guérin Boyer Garnier
      Chevalier François Legrand Gauthier Garcia Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval
      Denis Dumont Marie Lemaire Noël Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud
      """,
    cities: """
      Paris,Île-de-France,48.86,2.35,750##,2130; Marseille,Provence-Alpes-Côte d'Azur,43.30,5.37,130##,870;
      Lyon,Auvergne-Rhône-Alpes,45.76,4.84,690##,520; Toulouse,Occitanie,43.60,1.44,310##,500;
      Nice,Provence-Alpes-Côte d'Azur,43.70,7.27,060##,345; Nantes,Pays de la Loire,47.22,-1.55,440##,320;
      Montpellier,Occitanie,43.61,3.88,340##,300; Strasbourg,Grand Est,48.57,7.75,670##,290;
      Bordeaux,Nouvelle-Aquitaine,44.84,-0.58,330##,260; Lille,Hauts-de-France,50.63,3.06,590##,236;
      Rennes,Bretagne,48.11,-1.68,350##,222; Reims,Grand Est,49.26,4.03,510##,180; Saint-Étienne,Auvergne-Rhône-Alpes,45.44,4.39,420##,173;
      Toulon,Provence-Alpes-Côte d'Azur,43.12,5.93,830##,178; Le Havre,Normandie,49.49,0.11,766##,166;
      Grenoble,Auvergne-Rhône-Alpes,45.19,5.72,380##,158; Dijon,Bourgogne-Franche-Comté,47.32,5.04,210##,159;
      Angers,Pays de la Loire,47.47,-0.55,490##,157; Nîmes,Occitanie,43.84,4.36,300##,148;
      Clermont-Ferrand,Auvergne-Rhône-Alpes,45.78,3.08,630##,147; Le Mans,Pays de la Loire,48.01,0.20,720##,145;
      Brest,Bretagne,48.39,-4.49,292##,140; Tours,Centre-Val de Loire,47.39,0.69,370##,137; Amiens,Hauts-de-France,49.89,2.30,800##,133;
      Limoges,Nouvelle-Aquitaine,45.83,1.26,870##,130; Annecy,Auvergne-Rhône-Alpes,45.90,6.13,740##,131;
      Metz,Grand Est,49.12,6.18,570##,120; Besançon,Bourgogne-Franche-Comté,47.24,6.02,250##,119;
      Orléans,Centre-Val de Loire,47.90,1.91,450##,117; Rouen,Normandie,49.44,1.10,760##,114; Caen,Normandie,49.18,-0.37,140##,107;
      Ajaccio,Corse,41.92,8.74,200##,72
      """,
    streets: """
      rue de l'Église, place de la Mairie, Grande Rue, rue du Moulin, rue de la Gare, rue des Écoles, rue Victor Hugo, rue Pasteur,
      avenue Jean Jaurès, rue de la Fontaine, rue du Château, rue de la Paix, boulevard Gambetta, avenue de la République, rue des Lilas,
      chemin des Vignes, rue Jules Ferry, allée des Tilleuls, rue du Stade, quai de la Rivière, impasse des Roses, rue Voltaire
      """,
    words: """
      le la les de un une des et à en que qui dans pour pas sur se plus par avec tout faire son mettre autre on mais nous comme ou si leur
      y dire elle devoir avant deux même prendre aussi celui donner bien où fois vous encore nouveau aller cela entre premier vouloir déjà
      grand mon me moins aucun lui temps très savoir falloir voir quelque sans raison notre dont non an monde jour maison ville rue eau
      main livre table fenêtre jardin soir matin été hiver ami famille lettre marché prix question réponse travail vie lumière route
      """,
    jobs: """
      ingénieure logiciel, infirmier, enseignante, comptable, électricien, cheffe de projet, vendeur, analyste de données, mécanicienne,
      graphiste, pharmacienne, cuisinier, ingénieur civil, bibliothécaire, médecin, menuisier, boulangère, architecte
      """,
    colors: "noir, blanc, gris, bleu, rouge, vert, brun, jaune, orange, violet, rose, argenté, turquoise",
    products: """
      Cafetière, Lampe de bureau, Sac à dos, Gourde, Chaussures de course, Casque audio, Chaise de bureau, Carnet, Imperméable,
      Bouilloire, Clavier, Casque de vélo, Tapis de yoga, Lunettes de soleil, Planche à découper, Étagère
      """,
    greetings: "Bonjour, Bonsoir, Salut, Bienvenue, Chère cliente, Cher client, Coucou",
    companies: "SARL, SA, SAS, et Fils, Frères, Conseil, Logistique, Industries, et Associés",
    countries: """
      États-Unis, Inde, Chine, Brésil, Japon, Allemagne, Royaume-Uni, France, Italie, Espagne, Mexique, Canada, Corée du Sud, Pays-Bas,
      Pologne, Australie, Suède, Suisse, Autriche, Belgique, Portugal, Argentine, Afrique du Sud, Nigeria
      """,
    phones: """
      +33 1 99 00 ## ##, +33 2 61 91 ## ##, +33 3 53 01 ## ##, +33 4 65 71 ## ##, +33 5 36 49 ## ##, +33 6 39 98 ## ##
      """,
    nationalNumber: "0 ## 00 ## ### ### ##", streetLine: "{n} {street}", addressLine: "{line}, {postcode} {city}")
}
