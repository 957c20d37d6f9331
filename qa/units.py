"""Units of measurement and currencies, in Arabic and English, with their factors to the base unit of a dimension."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal

from index.articles import Language
from index.text.folding import fold_text

Dimension = Literal[
    "number", "length", "weight", "duration", "area", "volume", "temperature", "speed", "percent", "money",
    "date", "time",
]  # fmt: skip
"""Dimension of a quantity. Quantities of different dimensions cannot be compared; sums of money only if the currency
is the same."""


@dataclass(frozen=True)
class Unit:
    """A unit: its dimension, its factor to the dimension's base unit, and how it is written after a number."""

    name: str
    dimension: Dimension
    factor: Fraction = Fraction(1)
    written: tuple[tuple[str, str], ...] = ()
    """(language, word) after a computed number; empty for currencies, which are written as the article does."""

    def written_in(self, language: Language) -> str:
        """Return the word for the unit in `language`."""
        return dict(self.written).get(language, self.name)


NONE = Unit("", "number")
DAY = 86400

# dimension | name | factor | English word | Arabic word | all words; a line of each unit. Arabic ones are folded below.
_TABLE = """
length | mm | 1/1000 | mm | ملم | mm millimetre millimetres millimeter millimeters ملم مم مليمتر مليمترا مليمترات ميليمتر
length | cm | 1/100 | cm | سم | cm centimetre centimetres centimeter centimeters سم سنتيمتر سنتيمترا سنتيمترات سنتمتر سنتمترا
length | m | 1 | m | م | m metre metres meter meters م متر مترا أمتار
length | km | 1000 | km | كم | km kms kilometre kilometres kilometer kilometers كم كلم كيلومتر كيلومترا كيلومترات كيلومترٍ
length | mile | 201168/125 | miles | ميل | mile miles ميل ميلا أميال
length | nautical-mile | 1852 | nautical miles | ميل بحري | nautical_mile nautical_miles ميل_بحري ميلا_بحريا أميال_بحرية
length | foot | 381/1250 | feet | قدم | foot feet ft قدم قدما أقدام
length | yard | 1143/1250 | yards | ياردة | yard yards ياردة ياردات
length | inch | 127/5000 | inches | بوصة | inch inches بوصة بوصات إنش
weight | mg | 1/1000000 | mg | ملغ | mg milligram milligrams ملغ ملغم مليغرام مليغراما
weight | g | 1/1000 | g | غرام | g gram grams gramme grammes غرام غراما غرامات جرام جراما جرامات غم
weight | kg | 1 | kg | كغ | kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes كغ كغم كجم كيلو كيلوغرام كيلوغراما كيلوغرامات كيلوجرام كيلوجراما كيلوجرامات
weight | tonne | 1000 | tonnes | طن | tonne tonnes ton tons طن طنا أطنان
weight | lb | 45359237/100000000 | lb | رطل | lb lbs
weight | ounce | 45359237/1600000000 | ounces | أونصة | ounce ounces oz أونصة أونصات
duration | second | 1 | seconds | ثانية | second seconds sec secs ثانية ثوان ثواني
duration | minute | 60 | minutes | دقيقة | minute minutes min mins دقيقة دقائق
duration | hour | 3600 | hours | ساعة | hour hours hr hrs ساعة ساعات
duration | day | 86400 | days | يوم | day days يوم يوما أيام
duration | week | 604800 | weeks | أسبوع | week weeks أسبوع أسبوعا أسابيع
duration | month | 2629800 | months | شهر | month months شهر شهرا أشهر شهور
duration | year | 31557600 | years | سنة | year years yrs سنة سنوات سنين عام عاما أعوام
duration | decade | 315576000 | decades | عقد | decade decades عقد عقدا عقود
duration | century | 3155760000 | centuries | قرن | century centuries قرن قرنا قرون
area | m2 | 1 | m² | متر مربع | m2 sq_m square_metre square_metres square_meter square_meters م2 متر_مربع مترا_مربعا أمتار_مربعة
area | km2 | 1000000 | km² | كيلومتر مربع | km2 sq_km square_kilometre square_kilometres square_kilometer square_kilometers كم2 كيلومتر_مربع كيلومترا_مربعا كيلومترات_مربعة
area | hectare | 10000 | hectares | هكتار | hectare hectares ha هكتار هكتارا هكتارات
area | acre | 316160658/78125 | acres | أكر | acre acres
area | dunam | 1000 | dunams | دونم | dunam dunams دونم دونما دونمات
area | feddan | 4200 | feddans | فدان | feddan feddans فدان فدانا أفدنة
volume | ml | 1/1000 | ml | مل | ml millilitre millilitres milliliter milliliters مل مليلتر مليلترا
volume | litre | 1 | litres | لتر | litre litres liter liters لتر لترا لترات ليتر ليترا ليترات
volume | m3 | 1000 | m³ | متر مكعب | m3 cubic_metre cubic_metres cubic_meter cubic_meters متر_مكعب مترا_مكعبا أمتار_مكعبة
temperature | degree | 1 | °C | درجة | degree degrees °c ° degrees_celsius degrees_centigrade درجة درجات درجة_مئوية درجات_مئوية
speed | km/h | 1 | km/h | كم/س | km/h kph kmh kilometres_an_hour kilometres_per_hour kilometers_per_hour كم/س كم/ساعة كيلومتر_في_الساعة كيلومترا_في_الساعة كيلومترات_في_الساعة
speed | mph | 201168/125000 | mph | ميل/س | mph miles_an_hour miles_per_hour ميل_في_الساعة ميلا_في_الساعة
speed | knot | 463/250 | knots | عقدة | knot knots عقدة
speed | m/s | 18/5 | m/s | م/ث | m/s metres_per_second meters_per_second متر_في_الثانية مترا_في_الثانية
percent | % | 1 | % | % | % ٪ percent per_cent بالمئة بالمائة في_المئة في_المائة
money | $ | 1 | | | $ dollar dollars دولار دولارا دولارات
money | € | 1 | | | € euro euros يورو
money | £ | 1 | | | £ pound pounds جنيه جنيها جنيهات
money | penny | 1 | | | p pence penny
money | cent | 1 | | | cent cents سنت سنتا سنتات
money | dinar | 1 | | | dinar dinars دينار دينارا دنانير
money | dirham | 1 | | | dirham dirhams درهم درهما دراهم
money | riyal | 1 | | | riyal riyals rial rials ريال ريالا ريالات
money | lira | 1 | | | lira liras lire ليرة ليرات
money | piastre | 1 | | | piastre piastres قرش قرشا قروش
money | fils | 1 | | | fils فلس فلسا فلوس
money | franc | 1 | | | franc francs فرنك فرنكا فرنكات
money | crown | 1 | | | crown crowns krone kroner krona kronor
money | rupee | 1 | | | rupee rupees روبية روبيات
money | yen | 1 | | | ¥ yen
money | shekel | 1 | | | ₪ shekel shekels شيكل شيكلا شواكل
"""  # noqa: E501
_COUNTED = ("duration", "length", "weight", "volume", "money")
PREFIXED = "$€£¥₪"
"""Signs of currencies that stand before the number."""


@cache
def units_by_word() -> dict[str, Unit]:
    """Return the units by their folded words; a space in a word stands for any white space."""
    by_word: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        dimension, name, factor, english, arabic, words = (cell.strip() for cell in line.split("|"))
        written = (("en", english), ("ar", arabic)) if english else ()
        unit = Unit(name, dimension, Fraction(factor), written)  # type: ignore[arg-type]
        by_word |= {fold_text(word.replace("_", " ")): unit for word in words.split()}
    return by_word


@cache
def single_units() -> dict[str, tuple[Unit, int]]:
    """Return the words that are a number and a unit in one: ساعة is one hour, ساعتان two, "an hour" one."""
    singles: dict[str, tuple[Unit, int]] = {}
    for word, unit in units_by_word().items():
        if unit.dimension not in _COUNTED or " " in word or (len(word) < 3 and word != "طن"):
            continue
        if word.isascii():
            singles |= {f"{article} {word}": (unit, 1) for article in ("a", "an", "one") if not word.endswith("s")}
        else:
            stem = word.removesuffix("ه") + ("ت" if word.endswith("ه") else "")
            singles |= {f"{stem}{ending}": (unit, 2) for ending in ("ان", "ين")}
    hour = units_by_word()["hour"]
    return singles | {fold_text("ساعة"): (hour, 1), fold_text("ساعة واحدة"): (hour, 1)}
