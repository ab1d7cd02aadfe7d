// Portuguese, with the places and formats of Portugal.

extension LocaleWords {
  static let portuguese = LocaleWords(
    code: "pt",
    firstNames: """
      Maria José João António Ana Manuel Francisco Carlos Luís Paulo Pedro Teresa Isabel Jorge Rui Margarida Miguel Fernando Sofia Helena
      Ricardo Catarina Joaquim Marta Nuno Inês Tiago Joana Rita Bruno Cristina André Sandra Hugo Mariana Diogo Beatriz Vítor Carla Gonçalo
      Filipa Rodrigo Leonor Duarte Matilde Tomás Carolina Afonso Alice Santiago Lara Martim Madalena Guilherme Clara Gabriel Laura
      Lourenço Sara Rafael Diana Simão Mónica Artur Patrícia Daniel Susana
      """,
    lastNames: """
      Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Jesus Sousa Fernandes Gonçalves Gomes Lopes Marques Alves Almeida
      Ribeiro Pinto Carvalho Teixeira Moreira Correia Mendes Nunes Soares Vieira Monteiro Cardoso Rocha Neves Coelho Cruz Cunha Pires
      Ramos Reis Simões Antunes Matos Fonseca Machado Araújo Barbosa Tavares Lourenço Castro Figueiredo Azevedo Freitas Magalhães Henriques
      Lima Guerreiro Batista Pinheiro Faria Miranda Barros Morais Nogueira Esteves Anjos Baptista Campos Mota Andrade Brito Sá Nascimento
      """,
    cities: """
      Lisboa,Lisboa,38.72,-9.14,1###-###,545; Porto,Porto,41.15,-8.61,4###-###,232; Vila Nova de Gaia,Porto,41.12,-8.61,44##-###,303;
      Amadora,Lisboa,38.75,-9.23,27##-###,171; Braga,Braga,41.55,-8.43,47##-###,193; Coimbra,Coimbra,40.21,-8.43,30##-###,140;
      Funchal,Madeira,32.65,-16.91,90##-###,105; Setúbal,Setúbal,38.52,-8.89,29##-###,123; Almada,Setúbal,38.68,-9.16,28##-###,177;
      Aveiro,Aveiro,40.64,-8.65,38##-###,81; Viseu,Viseu,40.66,-7.91,35##-###,99; Leiria,Leiria,39.74,-8.81,24##-###,128;
      Faro,Faro,37.02,-7.93,80##-###,67; Évora,Évora,38.57,-7.91,70##-###,53; Guimarães,Braga,41.44,-8.30,48##-###,157;
      Barcelos,Braga,41.53,-8.62,47##-###,117; Odivelas,Lisboa,38.79,-9.18,26##-###,148; Matosinhos,Porto,41.18,-8.69,44##-###,172;
      Santarém,Santarém,39.24,-8.69,20##-###,58; Viana do Castelo,Viana do Castelo,41.69,-8.83,49##-###,85;
      Vila Real,Vila Real,41.30,-7.74,50##-###,49; Bragança,Bragança,41.81,-6.76,53##-###,34; Guarda,Guarda,40.54,-7.27,63##-###,40;
      Covilhã,Castelo Branco,40.28,-7.50,62##-###,46; Castelo Branco,Castelo Branco,39.82,-7.49,60##-###,52;
      Portalegre,Portalegre,39.29,-7.43,73##-###,22; Beja,Beja,38.02,-7.86,78##-###,33; Portimão,Faro,37.14,-8.54,85##-###,60;
      Ponta Delgada,Açores,37.74,-25.67,95##-###,67; Sintra,Lisboa,38.80,-9.38,27##-###,385; Cascais,Lisboa,38.70,-9.42,27##-###,214;
      Tomar,Santarém,39.60,-8.41,23##-###,36
      """,
    streets: """
      Rua Direita, Rua da Igreja, Rua da Escola, Avenida da Liberdade, Rua Nova, Rua do Comércio, Largo da Igreja, Rua de Camões,
      Rua das Flores, Rua da Fonte, Avenida da República, Rua do Sol, Rua 25 de Abril, Travessa do Moinho, Rua da Estação, Praça do Município,
      Rua do Norte, Estrada Nacional, Rua dos Pinheiros, Rua do Rio, Rua de Santo António, Avenida do Mar
      """,
    words: """
      o a os as de que e do da em um para com não uma por mais se como mas ao ele das tem seu sua ou quando muito nos já eu também só pelo
      pela até isso ela entre depois sem mesmo aos ter seus quem nas me esse eles você essa num nem minha tempo ano dia casa cidade rua
      água mão livro mesa janela jardim noite manhã verão inverno amigo família carta mercado preço pergunta resposta trabalho vida luz
      caminho mundo parte lugar bom novo longo pequeno grande primeiro último outro sempre nunca ainda onde sobre perto longe cedo tarde
      """,
    jobs: """
      engenheira informática, enfermeiro, professora, contabilista, eletricista, gestora de projeto, vendedor, analista de dados, mecânica,
      designer gráfico, farmacêutica, cozinheiro, engenheira civil, bibliotecário, médica, carpinteiro, padeira, arquiteto
      """,
    colors: "preto, branco, cinzento, azul, vermelho, verde, castanho, amarelo, laranja, roxo, rosa, prateado, turquesa",
    products: """
      Cafeteira, Candeeiro de mesa, Mochila, Garrafa de água, Ténis de corrida, Auscultadores, Cadeira de escritório, Caderno, Impermeável,
      Chaleira, Teclado, Capacete de bicicleta, Tapete de ioga, Óculos de sol, Tábua de cortar, Estante
      """,
    greetings: "Olá, Bom dia, Boa tarde, Boa noite, Bem-vindo, Bem-vinda, Saudações",
    companies: "Lda., S.A., & Filhos, Irmãos *, & Associados, Logística, Consultores, Indústrias",
    countries: """
      Estados Unidos, Índia, China, Brasil, Japão, Alemanha, Reino Unido, França, Itália, Espanha, México, Canadá, Coreia do Sul,
      Países Baixos, Polónia, Austrália, Suécia, Suíça, Áustria, Bélgica, Portugal, Argentina, África do Sul, Nigéria
      """,
    phones: "+351 510 ### ###, +351 520 ### ###, +351 530 ### ###",
    nationalNumber: "0########", streetLine: "{street} {n}", addressLine: "{line}, {postcode} {city}")
}
