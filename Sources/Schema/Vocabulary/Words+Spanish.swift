// Spanish, with the places and formats of Spain.

extension LocaleWords {
  static let spanish = LocaleWords(
    code: "es",
    firstNames: """
      Antonio María Manuel Carmen José Ana Francisco Isabel David Laura Juan Cristina Javier Marta Daniel Dolores Carlos Lucía Jesús Pilar
      Alejandro Elena Miguel Sara Rafael Paula Pedro Raquel Pablo Rosa Ángel Beatriz Sergio Silvia Fernando Nuria Jorge Julia Luis Irene
      Alberto Patricia Álvaro Andrea Diego Rocío Adrián Mónica Raúl Alba Iván Teresa Rubén Clara Enrique Sofía Óscar Inés Ramón Martina
      Vicente Alicia Andrés Natalia Joaquín Carla
      """,
    lastNames: """
      García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Hernández Ruiz Díaz Moreno Muñoz Álvarez
      Romero Gutiérrez Alonso Navarro Torres Domínguez Ramos Vázquez Ramírez Gil Serrano Morales Molina Blanco Suárez Castro Ortega
      Delgado Ortiz Marín Rubio Núñez Medina Sanz Castillo Iglesias Cortés Garrido Santos Guerrero Lozano Cano Cruz Méndez Flores Prieto
      Herrera Peña León Márquez Cabrera Gallego Calvo Vidal Campos Reyes Vega Fuentes Carrasco Aguilar Caballero Nieto Santana
      """,
    cities: """
      Madrid,Comunidad de Madrid,40.42,-3.70,280##,3300; Barcelona,Cataluña,41.39,2.17,080##,1640;
      Valencia,Comunidad Valenciana,39.47,-0.38,460##,800; Sevilla,Andalucía,37.39,-5.98,410##,685; Zaragoza,Aragón,41.65,-0.89,500##,680;
      Málaga,Andalucía,36.72,-4.42,290##,580; Murcia,Región de Murcia,37.99,-1.13,300##,460; Palma,Islas Baleares,39.57,2.65,070##,420;
      Las Palmas,Canarias,28.12,-15.43,350##,378; Bilbao,País Vasco,43.26,-2.93,480##,345;
      Alicante,Comunidad Valenciana,38.35,-0.48,030##,340; Córdoba,Andalucía,37.89,-4.78,140##,320;
      Valladolid,Castilla y León,41.65,-4.72,470##,295; Vigo,Galicia,42.24,-8.72,362##,293; Gijón,Asturias,43.54,-5.66,332##,268;
      Vitoria,País Vasco,42.85,-2.67,010##,253; Granada,Andalucía,37.18,-3.60,180##,230; Elche,Comunidad Valenciana,38.27,-0.70,032##,235;
      Oviedo,Asturias,43.36,-5.85,330##,217; Cartagena,Región de Murcia,37.61,-0.99,302##,216; Pamplona,Navarra,42.81,-1.65,310##,203;
      Almería,Andalucía,36.84,-2.46,040##,200; Santander,Cantabria,43.46,-3.80,390##,172; Burgos,Castilla y León,42.34,-3.70,090##,174;
      Albacete,Castilla-La Mancha,38.99,-1.86,020##,172; Logroño,La Rioja,42.47,-2.45,260##,150; Badajoz,Extremadura,38.88,-6.97,060##,150;
      Salamanca,Castilla y León,40.97,-5.66,370##,144; Huelva,Andalucía,37.26,-6.95,210##,142; Lleida,Cataluña,41.62,0.62,250##,140;
      Tarragona,Cataluña,41.12,1.25,430##,135; Cádiz,Andalucía,36.53,-6.29,110##,113
      """,
    streets: """
      Calle Mayor, Calle Real, Calle de la Iglesia, Avenida de la Constitución, Plaza Mayor, Calle del Sol, Calle Nueva, Calle de Cervantes,
      Paseo del Parque, Calle de la Fuente, Avenida de Andalucía, Calle San Juan, Calle del Carmen, Calle de la Paz, Ronda Norte,
      Calle Goya, Avenida del Mar, Calle de los Olivos, Calle del Río, Calle Velázquez, Plaza de España, Camino Viejo
      """,
    words: """
      el la los las de que y a en un una ser se no haber por con su para como estar tener le lo todo pero más hacer o poder decir este ir
      otro ese si me ya ver porque dar cuando muy sin vez mucho saber qué sobre mi alguno mismo también hasta año dos querer entre así
      primero desde grande eso ni nos llegar pasar tiempo día casa ciudad calle agua mano libro mesa ventana jardín noche mañana verano
      invierno amigo familia carta mercado precio pregunta respuesta trabajo vida luz camino mundo parte lugar bueno nuevo largo pequeño
      """,
    jobs: """
      ingeniera de software, enfermero, profesora, contable, electricista, jefa de proyecto, vendedor, analista de datos, mecánica,
      diseñador gráfico, farmacéutica, cocinero, ingeniera civil, bibliotecario, médica, carpintero, panadera, arquitecto
      """,
    colors: "negro, blanco, gris, azul, rojo, verde, marrón, amarillo, naranja, morado, rosa, plateado, turquesa",
    products: """
      Cafetera, Lámpara de mesa, Mochila, Botella de agua, Zapatillas, Auriculares, Silla de oficina, Cuaderno, Chubasquero, Hervidor,
      Teclado, Casco de bicicleta, Esterilla de yoga, Gafas de sol, Tabla de cortar, Estantería
      """,
    greetings: "Hola, Buenos días, Buenas tardes, Buenas noches, Bienvenido, Bienvenida, Saludos",
    companies: "S.L., S.A., e Hijos, Hermanos, y Asociados, Logística, Consultores, Industrias",
    countries: """
      Estados Unidos, India, China, Brasil, Japón, Alemania, Reino Unido, Francia, Italia, España, México, Canadá, Corea del Sur,
      Países Bajos, Polonia, Australia, Suecia, Suiza, Austria, Bélgica, Portugal, Argentina, Sudáfrica, Nigeria
      """,
    phones: "+34 400 ### ###, +34 410 ### ###, +34 420 ### ###",
    nationalNumber: "########U", streetLine: "{street} {n}", addressLine: "{line}, {postcode} {city}")
}
