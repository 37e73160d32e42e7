"""Ordinary words that the world has nothing for, and the nearest word that it has: for a hint, never for training."""

NEAREST = {
    "car": "truck lorry bus van train tram bicycle bike motorbike motorcycle wagon jeep tractor ambulance limousine",
    "rocket": "plane airplane aeroplane jet aircraft helicopter drone missile shuttle satellite ufo spacecrafts comet",
    "boat": "canoe kayak raft submarine ferry vessel galleon schooner dinghy",
    "balloon": "kite blimp airship zeppelin parachute bird eagle owl butterfly cloud bubble lantern",
    "fish": "whale shark dolphin goldfish salmon tuna octopus turtle duck animal dog cat puppy kitten horse cow",
    "ball": "sun moon planet circle marble football basketball tennis globe apple pumpkin bead egg round",
    "box": "square package present crate suitcase chest house brick dice rectangle",
    "star": "flower snowflake starfish asterisk firework sparkle flame",
    "heart": "love kiss rose romance leaf",
    "red": "maroon burgundy brick cherry",
    "orange": "copper bronze peach rust",
    "yellow": "gold mustard blonde",
    "green": "olive mint turquoise teal jade",
    "blue": "cyan indigo turquoise sapphire",
    "purple": "mauve lavender magenta",
    "pink": "coral fuchsia salmon",
    "white": "silver cream grey gray pale",
    "sea": "lake river ocean beach coast island harbour harbor bay pool water underwater",
    "hills": "mountain mountains forest wood field farm park garden countryside grassland jungle",
    "desert": "sahara canyon savanna dune",
    "city": "street road village new-york london paris tokyo building skyscraper bridge neighbourhood",
    "space": "universe cosmos orbit nebula moon mars",
    "studio": "room house kitchen indoor wall stage",
    "night": "midnight dark darkness",
    "sunset": "dawn sunrise evening",
    "day": "afternoon sunny sunshine",
    "bounces": "bouncing leaps hops skips dances dancing",
    "spins": "rolls rolling whirls",
    "moves right": "drives runs sails swims walks goes travels racing",
    "rises": "flies flying soars lifts launches ascends",
    "falls": "dives tumbles plunges crashes",
}


def nearest(known):
    """{ordinary word: nearest known one}, without the words that the world knows after all."""
    return {word: value for value, words in NEAREST.items() for word in words.split() if word not in known}
