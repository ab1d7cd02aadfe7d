// German, with the places and formats of Germany.

extension LocaleWords {
  static let german = LocaleWords(
    code: "de",
    firstNames: """
      Peter Maria Michael Ursula Thomas Monika Andreas Petra Wolfgang Sabine Klaus Andrea Jürgen Claudia Stefan Susanne Christian Birgit
      Uwe Karin Werner Heike Frank Martina Markus Nicole Matthias Stefanie Alexander Anna Daniel Julia Jan Katharina Tobias Christina
      Sebastian Lena Martin Laura Florian Sarah Philipp Lisa Lukas Sophie Felix Emma Jonas Mia Maximilian Hannah Leon Johanna Paul Clara
      Finn Marie Elias Charlotte Moritz Greta Jakob Frieda Anton Ida
      """,
    lastNames: """
      Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann
      Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann
      König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger
      Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher
      """,
    cities: """
      Berlin,Berlin,52.52,13.40,10###,3700; Hamburg,Hamburg,53.55,9.99,20###,1890; München,Bayern,48.14,11.58,80###,1510;
      Köln,Nordrhein-Westfalen,50.94,6.96,50###,1080; Frankfurt am Main,Hessen,50.11,8.68,60###,770;
      Stuttgart,Baden-Württemberg,48.78,9.18,70###,630; Düsseldorf,Nordrhein-Westfalen,51.23,6.78,40###,630;
      Leipzig,Sachsen,51.34,12.37,04###,615; Dortmund,Nordrhein-Westfalen,51.51,7.47,44###,590;
      Essen,Nordrhein-Westfalen,51.46,7.01,45###,580; Bremen,Bremen,53.08,8.80,28###,570; Dresden,Sachsen,51.05,13.74,01###,560;
      Hannover,Niedersachsen,52.37,9.73,30###,540; Nürnberg,Bayern,49.45,11.08,90###,520;
      Duisburg,Nordrhein-Westfalen,51.43,6.76,47###,500; Bochum,Nordrhein-Westfalen,51.48,7.22,44###,365;
      Wuppertal,Nordrhein-Westfalen,51.26,7.15,42###,355; Bielefeld,Nordrhein-Westfalen,52.03,8.53,33###,335;
      Bonn,Nordrhein-Westfalen,50.73,7.10,53###,335; Münster,Nordrhein-Westfalen,51.96,7.63,48###,320;
      Mannheim,Baden-Württemberg,49.49,8.47,68###,315; Karlsruhe,Baden-Württemberg,49.01,8.40,76###,310;
      Augsburg,Bayern,48.37,10.90,86###,300; Wiesbaden,Hessen,50.08,8.24,65###,285; Kiel,Schleswig-Holstein,54.32,10.14,24###,247;
      Magdeburg,Sachsen-Anhalt,52.13,11.63,39###,240; Freiburg im Breisgau,Baden-Württemberg,48.00,7.85,79###,236;
      Erfurt,Thüringen,50.98,11.03,99###,215; Mainz,Rheinland-Pfalz,50.00,8.27,55###,220; Rostock,Mecklenburg-Vorpommern,54.09,12.10,18###,210;
      Saarbrücken,Saarland,49.23,7.00,66###,182; Potsdam,Brandenburg,52.40,13.06,14###,185
      """,
    streets: """
      Hauptstraße, Schulstraße, Gartenstraße, Bahnhofstraße, Dorfstraße, Bergstraße, Birkenweg, Lindenstraße, Kirchstraße, Waldstraße,
      Ringstraße, Wiesenweg, Amselweg, Goethestraße, Schillerstraße, Mühlenweg, Feldstraße, Rosenweg, Buchenweg, Mozartstraße,
      Am Markt, Eichendorffstraße, Parkallee, Ahornweg
      """,
    words: """
      der die das und in zu den mit auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei noch wie
      über so zum war haben nur oder aber vor zur bis mehr durch man dann soll schon wenn sein jetzt immer Zeit Jahr Tag Haus Stadt Weg
      Frage Arbeit Welt Hand Wasser Garten Fenster Tisch Buch Brief Straße Abend Morgen Sommer Winter Freund Familie Preis Markt Antwort
      groß klein neu alt gut lang kurz schnell langsam hell dunkel ruhig heute gestern morgen oft selten zusammen gehen kommen sehen
      """,
    jobs: """
      Softwareentwicklerin, Krankenpfleger, Lehrerin, Buchhalter, Elektrikerin, Projektleiter, Verkäuferin, Datenanalyst, Mechanikerin,
      Grafiker, Apothekerin, Koch, Bauingenieurin, Bibliothekar, Ärztin, Tischler, Bäckerin, Steuerberater
      """,
    colors: "schwarz, weiß, grau, blau, rot, grün, braun, gelb, orange, lila, rosa, silber, türkis",
    products: """
      Kaffeemaschine, Schreibtischlampe, Rucksack, Trinkflasche, Laufschuhe, Kopfhörer, Bürostuhl, Notizbuch, Regenjacke, Wasserkocher,
      Tastatur, Fahrradhelm, Yogamatte, Sonnenbrille, Schneidebrett, Bücherregal
      """,
    greetings: "Hallo, Guten Morgen, Guten Tag, Guten Abend, Moin, Grüß Gott, Servus, Willkommen",
    companies: "GmbH, AG, & Söhne, GmbH & Co. KG, KG, Logistik, Technik, Maschinenbau, Beratung",
    countries: """
      Vereinigte Staaten, Indien, China, Brasilien, Japan, Deutschland, Vereinigtes Königreich, Frankreich, Italien, Spanien, Mexiko,
      Kanada, Südkorea, Niederlande, Polen, Australien, Schweden, Schweiz, Österreich, Belgien, Portugal, Argentinien, Südafrika, Nigeria
      """,
    phones: """
      +49 30 23125###, +49 40 66969###, +49 69 90009###, +49 89 99998###, +49 221 4710###, +49 171 39200##, +49 176 040690##
      """,
    nationalNumber: "0##########", streetLine: "{street} {n}", addressLine: "{line}, {postcode} {city}")
}
