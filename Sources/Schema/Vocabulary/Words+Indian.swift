// India, in Latin script: names of several of its languages, and English text.

extension LocaleWords {
  static let indian = LocaleWords(
    code: "in",
    firstNames: """
      Rahul Priya Amit Pooja Rajesh Anjali Sanjay Neha Vijay Sunita Suresh Kavita Arun Deepa Manoj Lakshmi Ravi Anita Ashok Meena Rakesh
      Geeta Anil Rekha Vikram Shreya Rohit Divya Sandeep Nisha Ajay Swati Deepak Radha Karthik Aishwarya Arjun Sneha Aditya Ananya Nikhil
      Ishita Harish Preeti Ganesh Vidya Mohan Asha Imran Fatima Gurpreet Simran Joseph Mary Farhan Ayesha Kiran Jyoti Naveen Shalini Varun
      Ritu Pranav Aditi Siddharth Meera Rohan Tara
      """,
    lastNames: """
      Kumar Singh Sharma Patel Gupta Khan Das Reddy Yadav Verma Mishra Rao Nair Joshi Mehta Shah Iyer Pandey Chopra Agarwal Banerjee
      Mukherjee Chatterjee Ghosh Bose Pillai Menon Naidu Kapoor Malhotra Bhatia Kaur Gill Sandhu Desai Jain Kulkarni Patil Deshmukh
      Jadhav Shinde More Pawar Chauhan Rathore Thakur Tiwari Dubey Trivedi Bhatt Saxena Srivastava Sinha Roy Dutta Sen Ansari Sheikh
      Hussain Ahmed Fernandes Thomas Mathew Varghese Hegde Shetty Gowda Krishnan Subramanian Raman
      """,
    cities: """
      Mumbai,Maharashtra,19.08,72.88,4000##,12500; Delhi,Delhi,28.61,77.21,1100##,11000; Bengaluru,Karnataka,12.97,77.59,5600##,8400;
      Hyderabad,Telangana,17.39,78.49,5000##,6800; Ahmedabad,Gujarat,23.02,72.57,3800##,5600; Chennai,Tamil Nadu,13.08,80.27,6000##,4650;
      Kolkata,West Bengal,22.57,88.36,7000##,4500; Surat,Gujarat,21.17,72.83,3950##,4470; Pune,Maharashtra,18.52,73.86,4110##,3120;
      Jaipur,Rajasthan,26.91,75.79,3020##,3050; Lucknow,Uttar Pradesh,26.85,80.95,2260##,2820; Kanpur,Uttar Pradesh,26.45,80.33,2080##,2770;
      Nagpur,Maharashtra,21.15,79.09,4400##,2400; Indore,Madhya Pradesh,22.72,75.86,4520##,1960; Thane,Maharashtra,19.22,72.98,4006##,1840;
      Bhopal,Madhya Pradesh,23.26,77.41,4620##,1800; Visakhapatnam,Andhra Pradesh,17.69,83.22,5300##,1730;
      Patna,Bihar,25.59,85.14,8000##,1680; Vadodara,Gujarat,22.31,73.18,3900##,1670; Ludhiana,Punjab,30.90,75.86,1410##,1620;
      Agra,Uttar Pradesh,27.18,78.01,2820##,1590; Nashik,Maharashtra,20.00,73.79,4220##,1490; Varanasi,Uttar Pradesh,25.32,82.97,2210##,1200;
      Srinagar,Jammu and Kashmir,34.08,74.80,1900##,1180; Ranchi,Jharkhand,23.34,85.31,8340##,1070;
      Coimbatore,Tamil Nadu,11.02,76.96,6410##,1050; Madurai,Tamil Nadu,9.93,78.12,6250##,1020; Guwahati,Assam,26.14,91.74,7810##,960;
      Chandigarh,Chandigarh,30.73,76.78,1600##,960; Mysuru,Karnataka,12.30,76.64,5700##,890; Kochi,Kerala,9.93,76.27,6820##,600;
      Thiruvananthapuram,Kerala,8.52,76.94,6950##,740; Bhubaneswar,Odisha,20.30,85.82,7510##,840
      """,
    streets: """
      MG Road, Station Road, Gandhi Nagar, Park Street, Nehru Road, Temple Road, Lake View Road, Civil Lines, Market Road, Brigade Road,
      Anna Salai, Link Road, Ring Road, Church Street, Shivaji Nagar, Tilak Road, Residency Road, College Road, Hill Road, Subhash Marg,
      Ashok Marg, Sector 12 Road
      """,
    words: """
      the a time year people way day thing world life hand part place week case point number group good new first last long great little
      other old big high small next early important few public same river garden window table paper light water music story letter road
      house market morning evening summer monsoon festival train station temple village city family friend team plan idea question
      answer order price report service change result reason quickly slowly often always again together around under between after
      before into over with from about through without during along across near open begin keep hold bring tea spice cricket
      """,
    jobs: """
      Software Engineer, Staff Nurse, School Teacher, Chartered Accountant, Electrician, Project Manager, Sales Executive, Data Analyst,
      Mechanic, Graphic Designer, Pharmacist, Chef, Civil Engineer, Librarian, Doctor, Bank Officer, Tailor, Station Master
      """,
    colors: "black, white, grey, blue, red, green, brown, yellow, orange, purple, pink, silver, saffron, maroon",
    products: """
      Pressure Cooker, Table Lamp, Backpack, Steel Bottle, Running Shoes, Earphones, Office Chair, Notebook, Raincoat, Electric Kettle,
      Keyboard, Scooter Helmet, Yoga Mat, Sunglasses, Mixer Grinder, Ceiling Fan
      """,
    greetings: "Namaste, Hello, Good morning, Good evening, Vanakkam, Namaskar, Welcome, Dear customer",
    companies: "Pvt. Ltd., Ltd., & Sons, Enterprises, Industries, Traders, Technologies, Exports, Brothers",
    countries: """
      United States, India, China, Brazil, Japan, Germany, United Kingdom, France, Italy, Spain, Mexico, Canada, South Korea, Netherlands,
      Poland, Australia, Sweden, Switzerland, Austria, Belgium, Portugal, Argentina, South Africa, Nigeria
      """,
    phones: "+91 50### #####, +91 51### #####, +91 52### #####",
    nationalNumber: "0### #### ####", streetLine: "{n} {street}", addressLine: "{line}, {city}, {region} {postcode}")
}
