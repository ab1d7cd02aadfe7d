// Italian, with the places and formats of Italy.

extension LocaleWords {
  static let italian = LocaleWords(
    code: "it",
    firstNames: """
      Giuseppe Maria Giovanni Anna Antonio Giulia Mario Francesca Luigi Rosa Francesco Laura Angelo Sara Vincenzo Chiara Pietro Elena
      Salvatore Valentina Carlo Alessandra Franco Paola Domenico Silvia Bruno Martina Paolo Federica Michele Elisa Giorgio Roberta Aldo
      Simona Sergio Monica Luciano Cristina Marco Angela Andrea Daniela Luca Barbara Alessandro Ilaria Matteo Sofia Lorenzo Aurora Davide
      Alice Riccardo Emma Leonardo Giorgia Tommaso Greta Edoardo Beatrice Filippo Camilla Simone Viola
      """,
    lastNames: """
      Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Mancini Costa Giordano Rizzo Lombardi
      Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo Gentile Martinelli Vitale Lombardo Serra
      Coppola Marchetti Parisi Villa Conte Ferraro Ferri Fabbri Bianco Marini Grasso Valentini Messina Sala Gatti Pellegrini Palumbo
      Sanna Farina Rizzi Monti Cattaneo Morelli Amato Silvestri Mazza Testa Grassi Pellegrino Carbone Giuliani Benedetti Barone Rossetti
      """,
    cities: """
      Roma,Lazio,41.90,12.50,001##,2750; Milano,Lombardia,45.46,9.19,201##,1370; Napoli,Campania,40.85,14.27,801##,910;
      Torino,Piemonte,45.07,7.69,101##,845; Palermo,Sicilia,38.12,13.36,901##,630; Genova,Liguria,44.41,8.93,161##,560;
      Bologna,Emilia-Romagna,44.49,11.34,401##,390; Firenze,Toscana,43.77,11.26,501##,360; Bari,Puglia,41.12,16.87,701##,316;
      Catania,Sicilia,37.50,15.09,951##,300; Verona,Veneto,45.44,10.99,371##,255; Venezia,Veneto,45.44,12.32,301##,250;
      Messina,Sicilia,38.19,15.55,981##,218; Padova,Veneto,45.41,11.88,351##,207; Trieste,Friuli-Venezia Giulia,45.65,13.78,341##,199;
      Parma,Emilia-Romagna,44.80,10.33,431##,197; Brescia,Lombardia,45.54,10.22,251##,197; Prato,Toscana,43.88,11.10,591##,195;
      Taranto,Puglia,40.46,17.25,741##,188; Modena,Emilia-Romagna,44.65,10.93,411##,184;
      Reggio Calabria,Calabria,38.11,15.65,891##,170; Ravenna,Emilia-Romagna,44.42,12.20,481##,156; Livorno,Toscana,43.55,10.31,571##,153;
      Rimini,Emilia-Romagna,44.06,12.57,479##,150; Cagliari,Sardegna,39.22,9.12,091##,148; Foggia,Puglia,41.46,15.54,711##,146;
      Perugia,Umbria,43.11,12.39,061##,162; Salerno,Campania,40.68,14.77,841##,128; Bergamo,Lombardia,45.70,9.67,241##,120;
      Trento,Trentino-Alto Adige,46.07,11.12,381##,118; Ancona,Marche,43.62,13.52,601##,99; Aosta,Valle d'Aosta,45.74,7.32,111##,33
      """,
    streets: """
      Via Roma, Via Garibaldi, Via Mazzini, Via Cavour, Via Dante, Via Verdi, Corso Italia, Piazza del Popolo, Via Marconi, Via Leopardi,
      Via Manzoni, Viale della Stazione, Via dei Mille, Via San Francesco, Via delle Rose, Via Galileo Galilei, Via del Mare, Via Bellini,
      Viale dei Tigli, Via Monte Bianco, Piazza San Marco, Via Rossini
      """,
    words: """
      il la lo i gli le di che e a un una in non per essere con da avere si come ma più anche fare o dire ci questo se molto tutto quando
      io quello andare tempo anno giorno casa città strada acqua mano libro tavolo finestra giardino sera mattina estate inverno amico
      famiglia lettera mercato prezzo domanda risposta lavoro vita luce mondo parte luogo buono nuovo lungo piccolo grande primo ultimo
      stesso altro ogni sempre mai ancora già dove mentre dopo prima sotto sopra vicino lontano presto tardi insieme senza verso tra
      vedere venire dare sapere volere potere dovere parlare trovare sentire
      """,
    jobs: """
      sviluppatrice, infermiere, insegnante, contabile, elettricista, responsabile di progetto, commesso, analista di dati, meccanica,
      grafico, farmacista, cuoco, ingegnera civile, bibliotecario, medico, falegname, fornaia, architetta
      """,
    colors: "nero, bianco, grigio, blu, rosso, verde, marrone, giallo, arancione, viola, rosa, argento, turchese",
    products: """
      Caffettiera, Lampada da tavolo, Zaino, Borraccia, Scarpe da corsa, Cuffie, Sedia da ufficio, Quaderno, Impermeabile, Bollitore,
      Tastiera, Casco da bici, Tappetino da yoga, Occhiali da sole, Tagliere, Libreria
      """,
    greetings: "Ciao, Buongiorno, Buonasera, Salve, Benvenuto, Benvenuta, Buon pomeriggio",
    companies: "S.r.l., S.p.A., e Figli, Fratelli *, & Associati, Logistica, Consulenze, Industrie",
    countries: """
      Stati Uniti, India, Cina, Brasile, Giappone, Germania, Regno Unito, Francia, Italia, Spagna, Messico, Canada, Corea del Sud,
      Paesi Bassi, Polonia, Australia, Svezia, Svizzera, Austria, Belgio, Portogallo, Argentina, Sudafrica, Nigeria
      """,
    phones: "+39 210 #######, +39 220 #######, +39 230 #######",
    nationalNumber: "XXXXXX##X##X###@", streetLine: "{street} {n}", addressLine: "{line}, {postcode} {city}")
}
