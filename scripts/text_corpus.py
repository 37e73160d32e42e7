"""The lines on which prompt cleaning and tokenization are compared with the reference. Deterministic; every
sentence was written for this file, so it is free to ship. Used by make_golden_text.py."""

import random
import unicodedata

SENTENCES = [
    "a red ball bounces over the blue sea at night",
    "A cat and a dog bake a cake together in a small kitchen, sunlight streaming through the window.",
    "The quick brown fox jumps over 13 lazy dogs; it isn't tired (yet)!",
    "Une rivière coule à travers la forêt où les élèves naïfs cherchent un cœur d'or.",
    "Ein großer Bär läuft über die Straße, während der Schnee leise fällt.",
    "El niño pequeño sueña con un dragón que vuela sobre el océano. ¿Quién lo vio?",
    "Łódź płynie po jeziorze, a żółte liście spadają na źródło.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy na břehu řeky.",
    "İstanbul'da ılık bir akşam, gökyüzünde üç büyük kuş uçuyor.",
    "Con mèo nhỏ đang ngồi trên mái nhà dưới ánh trăng rằm rất đẹp.",
    "Kaksi lasta leikkii lumessa, ja tähdet loistavat yöllä.",
    "Az öreg halász hűvös éjszakán tűzön süti a halat.",
    "Красный мяч прыгает над синим морем ночью, и звёзды горят ярко.",
    "Маленька їжачиха біжить через ґанок до щасливої єдності.",
    "Црвена лопта скаче преко плавог мора ноћу, љубав и њива.",
    "Кыргыз жеринде өзөн үстүндө бүркүт учуп жүрөт.",
    "Ένα κόκκινο μπαλόνι πετάει πάνω από τη γαλάζια θάλασσα τη νύχτα.",
    "Կարմիր գնդակը ցատկում է կապույտ ծովի վրայով գիշերը։",
    "წითელი ბურთი ხტება ლურჯი ზღვის თავზე ღამით.",
    "כדור אדום קופץ מעל הים הכחול בלילה, וירח מלא מאיר.",
    "כַּדּוּר אָדֹם קוֹפֵץ מֵעַל הַיָּם",
    "كرة حمراء تقفز فوق البحر الأزرق في الليل والقمر مضيء.",
    "كُرَةٌ حَمْرَاءُ تَقْفِزُ فَوْقَ البَحْرِ",
    "یک توپ قرمز شب‌ها بر فراز دریای آبی می‌پرد.",
    "ایک سرخ گیند رات کو نیلے سمندر پر اچھلتی ہے۔",
    "ܟܘܪܐ ܣܘܡܩܐ ܥܠ ܝܡܐ ܒܠܠܝܐ",
    "ރަތް ބޯޅައެއް ރޭގަނޑު މޫދު މަތިން ފުންމަނީ",
    "एक लाल गेंद रात में नीले समुद्र के ऊपर उछलती है।",
    "रातो भकुण्डो रातमा निलो समुद्रमाथि उफ्रन्छ।",
    "একটি লাল বল রাতে নীল সমুদ্রের উপর লাফায়।",
    "ਇੱਕ ਲਾਲ ਗੇਂਦ ਰਾਤ ਨੂੰ ਨੀਲੇ ਸਮੁੰਦਰ ਉੱਤੇ ਉਛਲਦੀ ਹੈ।",
    "એક લાલ દડો રાત્રે વાદળી સમુદ્ર પર કૂદે છે.",
    "ରାତିରେ ନୀଳ ସମୁଦ୍ର ଉପରେ ଏକ ଲାଲ ବଲ ଡେଉଁଛି।",
    "ஒரு சிவப்பு பந்து இரவில் நீலக் கடலின் மேல் குதிக்கிறது.",
    "రాత్రి నీలి సముద్రం మీద ఎర్ర బంతి ఎగురుతోంది.",
    "ರಾತ್ರಿ ನೀಲಿ ಸಮುದ್ರದ ಮೇಲೆ ಕೆಂಪು ಚೆಂಡು ಪುಟಿಯುತ್ತದೆ.",
    "രാത്രിയിൽ നീലക്കടലിനു മുകളിൽ ഒരു ചുവന്ന പന്ത് ചാടുന്നു.",
    "රාත්‍රියේ නිල් මුහුද උඩින් රතු බෝලයක් පනියි.",
    "ลูกบอลสีแดงกระดอนเหนือทะเลสีน้ำเงินในเวลากลางคืน",
    "ໝາກບານສີແດງເຕັ້ນຢູ່ເທິງທະເລສີຟ້າໃນຍາມກາງຄືນ",
    "បាល់ពណ៌ក្រហមលោតលើសមុទ្រពណ៌ខៀវនៅពេលយប់",
    "အနီရောင်ဘောလုံးသည် ညအချိန်တွင် ပင်လယ်ပြာပေါ်၌ ခုန်နေသည်။",
    "མཚན་མོར་མཚོ་སྔོན་པོའི་སྟེང་དུ་པོ་ལོ་དམར་པོ་ཞིག་མཆོང་།",
    "ቀይ ኳስ በሌሊት በሰማያዊው ባህር ላይ ይዘላል።",
    "빨간 공이 밤에 푸른 바다 위로 튀어 오른다.",
    "夜の青い海の上で赤いボールが跳ねている。カタカナもひらがなもある。",
    "夜晚，一个红色的球在蓝色的大海上弹跳，月光洒在水面上。",
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止",
    "夜晚，一顆紅色的球在藍色的大海上彈跳，月光灑在水面上。",
    "ᠤᠯᠠᠭᠠᠨ ᠪᠥᠮᠪᠥᠭᠡ ᠰᠢᠥᠨᠢ ᠳᠠᠯᠠᠢ ᠳᠡᠭᠡᠷ᠎ᠡ",
    "ᎩᎦᎨ ᎠᎳᏍᎦᎶᏗ ᏒᏃᏱ ᎠᎺᏉᎯ",
    "ᐊᐅᐸᖅᑐᖅ ᐊᖅᓴᖅ ᑕᕆᐅᑉ ᖁᓛᓂ ᐅᓐᓄᐊᒃᑯᑦ",
    "ꦧꦭ꧀ꦲꦧꦁꦩꦼꦤ꧀ꦛꦸꦭ꧀ꦲꦶꦁꦱꦼꦒꦫ",
    "ⵜⴰⴽⵓⵔⵜ ⵜⴰⵣⴳⴳⵯⴰⵖⵜ ⵙⴳ ⵢⵉⵍⵍ",
    "ߓߟߐߓߟߐ ߥߎߟߋ߲ ߦߋ߫ ߔߊ߲߫ ߠߊ߫ ߖߌ ߞߎ߲߬ߠߐ",
    "ᚱᛖᛞ ᛒᚨᛚᛚ ᛟᚠᛖᚱ ᚦᛖ ᛋᛖᚨ",
]

EMOJI = ["🎈", "👩‍🚀", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🇩🇪", "🇯🇵🇧🇷", "👍🏽", "1️⃣", "❤️", "☀", "😀😃", "🧑🏿‍🎤", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "⌚", "🫠", "𓀀", "🀄", "♥︎"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2003", "\u200b", "\u2028",
          "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u2060", "\u00ad", "\u180e"]
CONTROLS = [chr(c) for c in (*range(0, 9), *range(14, 32), 127)] + ["\u200c", "\u200d", "\u200e", "\u202a", "\u202e",
            "\u2069", "\u206a", "\u206f", "\ufff9", "\ufffc", "\ufffd", "\U000e0020", "\U0001d173", "\x1c", "\x1f"]
SPECIAL = ["<pad>", "</s>", "<s>", "<unk>", "<extra_id_0>", "<extra_id_9>", "<extra_id_10>", "<extra_id_99>", "<0x41>", "<0x0A>", "▁", "▁▁",
           "＜unk＞", "＜pad＞", "＜extra_id_1＞", "<extra_id_", "</S>", "< pad>", "&lt;pad&gt;"]
HTML = ["&amp;", "&lt;b&gt;", "&quot;x&quot;", "&nbsp;", "&eacute;", "&EACUTE;", "&NTILDE;", "&SZLIG;", "&amp;amp;lt;", "&#65;", "&#x1F388;",
        "&#128;", "&#x9f;", "&#0;", "&#xD800;", "&#1114112;", "&#99999999999999999999;", "&#7;", "&#xFFFE;", "&#xfdd0;", "&#59;", "&#12a;", "&notit;",
        "&not", "&copy 2026", "&hellip;", "&frac12;", "&FRAC12;", "&NotEqualTilde;", "&lang;", "&unknown;", "&", "&&amp;", "&#;", "&#x;", "&#xg;",
        "&ampamp;", "AT&T;", "&GT;", "&GTDOT;", "&Jscr;", "&JSCR;", "&acE;", "&ACE;", "&NewLine;", "&Tab;", "&zwj;", "&shy;", "&AMP;AMP;", "<i>", "a<b",
        "&CounterClockwiseContourIntegral;", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;", "&ngE;", "&NGE;", "&hArr", "&szlig", "&#38;lt;"]
FORMS = ["ﬁne ﬂuﬃ eﬆ", "ĳs Ĳ ŉ", "Ǆ ǅ ǆ Ǉ ǈ ǉ Ǌ ǋ ǌ Ǳ ǲ ǳ", "ＬＯＵＤ　ＮＯＩＳＥＳ", "Ｕﾀｰﾝ", "ﾊﾞﾋﾟ", "ﾡﾢￂￃ", "￠￡￥￦￨￩", "“curly” ‘quotes’ ‚low‛ „x‟ ʼ", "½ ² ㎏ ﷺ Ⅷ ① ℌ", "e\u0301\u0323 a\u030a",
         "Ａ\u0301 ｋ\u0327", "\u1100\u1161\u11a8", "\u0958 \u09dc", "\u212b \u2126 \u1e9b\u0323", "\u0f73 \u0f71\u0f72", "ﾞﾟ", "ﬀ\u0301", "\u0344 \u0374 \u037e \u1fef", "\u2000\u2001",
         "\U0001d15e", "が か\u3099 は\u309a", "ỗ o\u0302\u0303 o\u0303\u0302", "\u0623 \u0627\u0654", "ﻼ ﻻ ﷲ", "\u0340 a\u0340"]
ESCAPES = ["\x1b[31mred\x1b[0m", "\x1b[1;32m", "\x1b[٣m", "\x1b[", "\x1b[12", "\x1b]0;t\x07", "\x9b31m", "a\x80b\x85c\x92d\x99", "\x81\x8d\x9d", "\x1b[１m"]
MOJIBAKE = ["cp1252", "latin-1", "cp1251", "mac_roman"]

BLOCKS = [(0x21, 0x7e), (0xa1, 0x17f), (0x180, 0x24f), (0x250, 0x2af), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x52f), (0x531, 0x587), (0x5d0, 0x5ea),
          (0x621, 0x6d3), (0x700, 0x74f), (0x780, 0x7b1), (0x901, 0x97f), (0x985, 0x9fe), (0xa05, 0xa75), (0xa85, 0xaf1), (0xb05, 0xb77), (0xb85, 0xbfa), (0xc05, 0xc7f),
          (0xc85, 0xcf2), (0xd05, 0xd7f), (0xd85, 0xdf4), (0xe01, 0xe5b), (0xe81, 0xedf), (0xf00, 0xfda), (0x1000, 0x109f), (0x10a0, 0x10ff), (0x1100, 0x11ff), (0x1200, 0x137c),
          (0x13a0, 0x13f5), (0x1401, 0x167f), (0x16a0, 0x16f0), (0x1780, 0x17e9), (0x1820, 0x18aa), (0x1e00, 0x1eff), (0x1f00, 0x1fff), (0x2010, 0x205e), (0x2070, 0x209c), (0x20a0, 0x20c0), (0x2100, 0x218b),
          (0x2190, 0x23ff), (0x2460, 0x27bf), (0x2c00, 0x2c5f), (0x2d30, 0x2d7f), (0x3001, 0x30ff), (0x3105, 0x312f), (0x3131, 0x318e), (0x3200, 0x33ff), (0x4e00, 0x9fa5), (0xa500, 0xa62b), (0xa980, 0xa9df), (0xac00, 0xd7a3),
          (0xf900, 0xfad9), (0xfb00, 0xfb4f), (0xfb50, 0xfdff), (0xfe20, 0xfe6b), (0xff01, 0xffee), (0x10330, 0x1034a), (0x12000, 0x12399), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0x20000, 0x2a6df)]


def random_word(rng, block):
    letters = []
    while len(letters) < rng.randint(1, 7):
        c = chr(rng.randint(*block))
        if unicodedata.category(c) not in ("Cn", "Cs", "Co"):
            letters.append(c)
    return "".join(letters)


def salad(rng, words, low=2, high=9):
    return " ".join(rng.choice(words) for _ in range(rng.randint(low, high)))


def make_corpus(seed=20260):
    rng = random.Random(seed)
    lines = ["", " ", "\n", "\x00", "\u3000", "a", "é", "e\u0301", "字", "🎈", "▁", ".", "<", "&"]
    lines += SENTENCES
    words = [w for s in SENTENCES for w in s.split()]
    for sentence in SENTENCES:  # every script by itself
        own = sentence.split()
        lines += [salad(rng, own) for _ in range(4)]
        lines += [sentence[rng.randrange(len(sentence)):], sentence.upper(), sentence.replace(" ", "")]
        lines += [unicodedata.normalize(form, salad(rng, own)) for form in ("NFD", "NFKD", "NFKC")]
    for block in BLOCKS:
        lines += [" ".join(random_word(rng, block) for _ in range(rng.randint(1, 5))) for _ in range(5)]
    lines += [salad(rng, words, 3, 12) for _ in range(150)]  # mixed scripts
    lines += [" ".join(random_word(rng, rng.choice(BLOCKS)) for _ in range(6)) for _ in range(100)]
    for pool, count in ((EMOJI, 120), (SPECIAL, 120), (HTML, 220), (FORMS, 150), (ESCAPES, 80)):
        for _ in range(count):
            parts = [rng.choice(pool) if rng.random() < 0.5 else rng.choice(words) for _ in range(rng.randint(1, 7))]
            lines.append(rng.choice(["", " "]).join(parts))
    lines += HTML + FORMS + ESCAPES + SPECIAL + EMOJI
    for pool, count in ((SPACES, 150), (CONTROLS, 120)):
        for _ in range(count):
            lines.append("".join(rng.choice(words) + "".join(rng.choice(pool) for _ in range(rng.randint(0, 3))) for _ in range(5)))
    for _ in range(60):
        broken = rng.choice(SENTENCES).encode()
        encoding = rng.choice(MOJIBAKE)
        lines.append(broken.decode(encoding, errors="ignore"))
    for _ in range(12):  # longer than 512 tokens
        lines.append(salad(rng, words, 260, 700))
    lines.append("word " * 510 + "end")
    lines.append("word " * 511 + "end")
    return lines
