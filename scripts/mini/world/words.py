"""The words for each slot's values. The first is the canonical one; the others are synonyms that people use.

Motions come as (it does, doing). Places carry their preposition, and some carry a colour of their own, so that a text
encoder learns which noun a colour belongs to.
"""

COLOUR = {
    "red": ("red", "crimson", "scarlet", "ruby"),
    "orange": ("orange", "tangerine", "amber", "apricot"),
    "yellow": ("yellow", "golden", "lemon", "sunny yellow"),
    "green": ("green", "emerald", "lime", "grassy green"),
    "blue": ("blue", "azure", "navy", "cobalt"),
    "purple": ("purple", "violet", "lilac", "plum"),
    "pink": ("pink", "rose", "magenta", "rosy"),
    "white": ("white", "ivory", "snow-white", "pearl"),
}
OBJECT = {
    "ball": ("ball", "sphere", "beach ball", "orb"),
    "box": ("box", "cube", "gift", "parcel"),
    "star": ("star", "five-pointed star", "starlet"),
    "heart": ("heart", "valentine", "love heart"),
    "boat": ("boat", "sailboat", "ship", "yacht"),
    "car": ("car", "taxi", "automobile", "vehicle"),
    "rocket": ("rocket", "spaceship", "spacecraft", "rocket ship"),
    "balloon": ("balloon", "hot-air balloon", "hot air balloon", "air balloon"),
    "fish": ("fish", "carp", "trout", "minnow"),
}
SIZE = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge", "giant")}
MOTION = {
    "left": (("moves left", "moving left"), ("moves to the left", "moving to the left"), ("drifts left", "drifting left"),
             ("glides leftwards", "gliding leftwards"), ("travels from right to left", "travelling from right to left")),
    "right": (("moves right", "moving right"), ("moves to the right", "moving to the right"), ("drifts right", "drifting right"),
              ("glides rightwards", "gliding rightwards"), ("travels from left to right", "travelling from left to right")),
    "rise": (("rises", "rising"), ("moves up", "moving up"), ("floats upwards", "floating upwards"), ("goes up", "going up"),
             ("climbs", "climbing"), ("takes off", "taking off")),
    "fall": (("falls", "falling"), ("moves down", "moving down"), ("drops", "dropping"), ("sinks", "sinking"),
             ("goes down", "going down"), ("descends", "descending")),
    "bounce": (("bounces", "bouncing"), ("bounces up and down", "bouncing up and down"), ("hops", "hopping"), ("jumps", "jumping")),
    "circle": (("circles", "circling"), ("moves in a circle", "moving in a circle"), ("flies in circles", "flying in circles"),
               ("loops around", "looping around"), ("orbits", "orbiting")),
    "spin": (("spins", "spinning"), ("rotates", "rotating"), ("turns around", "turning around"), ("twirls", "twirling")),
    "grow": (("grows", "growing"), ("gets bigger", "getting bigger"), ("comes closer", "coming closer"), ("expands", "expanding")),
    "shrink": (("shrinks", "shrinking"), ("gets smaller", "getting smaller"), ("moves away", "moving away"), ("dwindles", "dwindling")),
}
BACKGROUND = {
    "studio": ("in a studio", "against a plain wall", "on a plain background", "in an empty room", "in a grey studio", "indoors"),
    "sea": ("over the sea", "over the blue sea", "on the ocean", "above the waves", "on the water", "at sea", "by the green sea"),
    "hills": ("over the hills", "over green hills", "in the countryside", "in a meadow", "in a green valley", "above the grass"),
    "desert": ("in the desert", "over the sand dunes", "in the yellow desert", "over the sand", "in the red desert", "among the dunes"),
    "city": ("in the city", "in front of a skyline", "downtown", "on a city street", "in town", "in a white city", "between tall buildings"),
    "space": ("in space", "in outer space", "in the galaxy", "in the dark cosmos", "among the planets", "in purple space"),
}
TIME = {
    "day": ("by day", "during the day", "in daylight", "at noon", "on a sunny day", "in the morning"),
    "sunset": ("at sunset", "at dusk", "in the evening", "at twilight", "under an orange sky", "in the evening light"),
    "night": ("at night", "by night", "at midnight", "in the moonlight", "under a dark sky", "on a moonlit night"),
}
WORDS = {"colour": COLOUR, "object": OBJECT, "size": SIZE, "motion": MOTION, "background": BACKGROUND, "time": TIME}

# Words that say nothing about a slot; people write them all the same.
FILLERS = ("beautiful", "lovely", "shiny", "cute", "cartoon", "bright", "nice", "funny", "simple", "single", "pretty")
MANNERS = ("slowly", "gently", "quickly", "happily", "quietly", "calmly")
OPENERS = ("a video of", "an animation of", "a short film of", "a clip showing", "a cartoon of")
