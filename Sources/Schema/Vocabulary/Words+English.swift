// English, with the places and formats of the United States.

extension LocaleWords {
  static let english = LocaleWords(
    code: "en",
    firstNames: """
      James Mary Michael Jennifer John Linda Robert Patricia David Elizabeth William Susan Richard Jessica Joseph Sarah Thomas Karen
      Christopher Lisa Daniel Nancy Matthew Sandra Anthony Ashley Mark Emily Steven Kimberly Andrew Margaret Joshua Donna Kevin Michelle
      Brian Carol Timothy Amanda Jason Melissa Ryan Deborah Jacob Stephanie Nicholas Rebecca Eric Laura Jonathan Helen Justin Amy Scott
      Anna Brandon Olivia Benjamin Emma Samuel Sophia Alexander Grace Tyler Hannah Nathan Chloe Ethan Abigail Noah Zoe Lucas Ruby
      """,
    lastNames: """
      Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson Thomas Taylor Moore
      Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson
      Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan
      Cooper Peterson Reed Bailey Bell Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray Hughes Price Foster Sanders Ross
      """,
    cities: """
      New York,New York/NY,40.71,-74.01,100##,8300; Los Angeles,California/CA,34.05,-118.24,900##,3850;
      Chicago,Illinois/IL,41.88,-87.63,606##,2700; Houston,Texas/TX,29.76,-95.37,770##,2300;
      Phoenix,Arizona/AZ,33.45,-112.07,850##,1620; Philadelphia,Pennsylvania/PA,39.95,-75.17,191##,1570;
      San Antonio,Texas/TX,29.42,-98.49,782##,1470; San Diego,California/CA,32.72,-117.16,921##,1380;
      Dallas,Texas/TX,32.78,-96.80,752##,1300; Austin,Texas/TX,30.27,-97.74,787##,970;
      Jacksonville,Florida/FL,30.33,-81.66,322##,960; San Jose,California/CA,37.34,-121.89,951##,980;
      Columbus,Ohio/OH,39.96,-83.00,432##,905; Charlotte,North Carolina/NC,35.23,-80.84,282##,890;
      Indianapolis,Indiana/IN,39.77,-86.16,462##,880; San Francisco,California/CA,37.77,-122.42,941##,810;
      Seattle,Washington/WA,47.61,-122.33,981##,750; Denver,Colorado/CO,39.74,-104.99,802##,715;
      Oklahoma City,Oklahoma/OK,35.47,-97.52,731##,690; Nashville,Tennessee/TN,36.16,-86.78,372##,685;
      Boston,Massachusetts/MA,42.36,-71.06,021##,650; Portland,Oregon/OR,45.52,-122.68,972##,640;
      Las Vegas,Nevada/NV,36.17,-115.14,891##,650; Detroit,Michigan/MI,42.33,-83.05,482##,630;
      Memphis,Tennessee/TN,35.15,-90.05,381##,620; Baltimore,Maryland/MD,39.29,-76.61,212##,570;
      Milwaukee,Wisconsin/WI,43.04,-87.91,532##,565; Albuquerque,New Mexico/NM,35.08,-106.65,871##,560;
      Atlanta,Georgia/GA,33.75,-84.39,303##,500; Miami,Florida/FL,25.76,-80.19,331##,450;
      Minneapolis,Minnesota/MN,44.98,-93.27,554##,425; New Orleans,Louisiana/LA,29.95,-90.07,701##,370
      """,
    streets: """
      Main Street, Oak Street, Park Avenue, Maple Avenue, Cedar Lane, Elm Street, Washington Avenue, Lake Drive, Hill Road, Pine Street,
      River Road, Church Street, Walnut Street, Sunset Boulevard, Highland Avenue, Mill Road, Franklin Street, Spring Street,
      Jefferson Avenue, Chestnut Street, Meadow Lane, Lincoln Way, Valley View Drive, Orchard Court
      """,
    words: """
      the a time year people way day thing world life hand part place week case point company number group problem fact good new first
      last long great little own other old right big high small large next early young important few public same able river garden
      window table paper light water music story letter road house market morning evening summer winter city country family friend team
      plan idea question answer order price report service system change result reason
      quickly slowly often always again together around under between after before into over with from about through without against
      during along across toward near open begin keep hold bring
      """,
    jobs: """
      Software Engineer, Registered Nurse, Teacher, Accountant, Electrician, Project Manager, Sales Representative, Data Analyst,
      Mechanic, Graphic Designer, Pharmacist, Chef, Truck Driver, Civil Engineer, Librarian, Physician, Plumber, Product Manager
      """,
    colors: "black, white, gray, blue, red, green, brown, yellow, orange, purple, pink, silver, navy, teal",
    products: """
      Coffee Maker, Desk Lamp, Backpack, Water Bottle, Running Shoes, Wireless Headphones, Office Chair, Notebook, Rain Jacket, Kettle,
      Keyboard, Bicycle Helmet, Yoga Mat, Sunglasses, Cutting Board, Bookshelf
      """,
    greetings: "Hello, Hi, Good morning, Good afternoon, Good evening, Hey, Welcome, Dear customer",
    companies: "Inc., LLC, Group, & Sons, Partners, Holdings, Logistics, Labs, Consulting, Industries",
    countries: """
      United States, India, China, Brazil, Japan, Germany, United Kingdom, France, Italy, Spain, Mexico, Canada, South Korea, Netherlands,
      Poland, Australia, Sweden, Switzerland, Austria, Belgium, Portugal, Argentina, South Africa, Nigeria
      """,
    phones: """
      +1 212-555-01##, +1 213-555-01##, +1 312-555-01##, +1 713-555-01##, +1 602-555-01##, +1 206-555-01##, +1 303-555-01##,
      +1 415-555-01##, +1 617-555-01##, +1 404-555-01##
      """,
    nationalNumber: "9##-00-####", streetLine: "{n} {street}", addressLine: "{line}, {city}, {region} {postcode}")
}
