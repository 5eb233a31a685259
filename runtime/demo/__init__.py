"""`outcry demo`: a house full of people, all of them ordinary clients, shown on the terminal."""
