"""Symbols of units of measurement, in all languages, and their CLDR names."""

from __future__ import annotations

UNITS: dict[str, str] = {
    "km/h": "speed-kilometer-per-hour", "kph": "speed-kilometer-per-hour", "km/hr": "speed-kilometer-per-hour", "m/s": "speed-meter-per-second",
    "mph": "speed-mile-per-hour",
    "km²": "area-square-kilometer", "km2": "area-square-kilometer", "m²": "area-square-meter", "m2": "area-square-meter", "cm²": "area-square-centimeter",
    "ha": "area-hectare", "m³": "volume-cubic-meter", "m3": "volume-cubic-meter", "cm³": "volume-cubic-centimeter",
    "km": "length-kilometer", "m": "length-meter", "dm": "length-decimeter", "cm": "length-centimeter", "mm": "length-millimeter",
    "µm": "length-micrometer", "μm": "length-micrometer", "nm": "length-nanometer", "ft": "length-foot", "yd": "length-yard",
    "t": "mass-tonne", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram", "µg": "mass-microgram", "lb": "mass-pound", "lbs": "mass-pound",
    "oz": "mass-ounce",
    "l": "volume-liter", "L": "volume-liter", "dl": "volume-deciliter", "cl": "volume-centiliter", "ml": "volume-milliliter", "mL": "volume-milliliter",
    "h": "duration-hour", "hrs": "duration-hour", "min": "duration-minute", "s": "duration-second", "sec": "duration-second", "ms": "duration-millisecond",
    "µs": "duration-microsecond", "ns": "duration-nanosecond",
    "°C": "temperature-celsius", "℃": "temperature-celsius", "°F": "temperature-fahrenheit", "℉": "temperature-fahrenheit",
    "kB": "digital-kilobyte", "KB": "digital-kilobyte", "MB": "digital-megabyte", "GB": "digital-gigabyte", "TB": "digital-terabyte",
    "PB": "digital-petabyte", "kbit": "digital-kilobit", "Mbit": "digital-megabit", "Gbit": "digital-gigabit", "Mb": "digital-megabit", "Gb": "digital-gigabit",
    "Hz": "frequency-hertz", "kHz": "frequency-kilohertz", "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz",
    "mW": "power-milliwatt", "W": "power-watt", "kW": "power-kilowatt", "MW": "power-megawatt", "GW": "power-gigawatt",
    "kWh": "energy-kilowatt-hour", "kJ": "energy-kilojoule", "kcal": "energy-kilocalorie", "cal": "energy-calorie",
    "V": "electric-volt", "mA": "electric-milliampere", "Ω": "electric-ohm",
    "hPa": "pressure-hectopascal", "mbar": "pressure-millibar", "bar": "pressure-bar",
    "px": "graphics-pixel", "MP": "graphics-megapixel", "dpi": "graphics-dot-per-inch",
    "°": "angle-degree",
}  # fmt: skip
