//! Numbers for people: few digits, thousands apart, always with a unit. A number that is none
//! prints as "n/a".

const NOT_A_NUMBER: &str = "n/a";

/// A figure with about three significant digits, thousands separated.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NOT_A_NUMBER.to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e15).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 99.95 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", integer(size.round() as u64))
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// The same without zeros after the point that say nothing: for ticks and small counts.
pub(crate) fn plain(value: f64) -> String {
    let text = number(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A whole number, thousands separated.
pub(crate) fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A large count in thousands, millions, billions or trillions: "1.03 T".
pub(crate) fn count(value: u64) -> String {
    scaled(value, &[(1e12, " T"), (1e9, " B"), (1e6, " M")], "")
}

/// An amount of memory in decimal units: "44.0 GB".
pub(crate) fn bytes(value: u64) -> String {
    scaled(value, &[(1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB")], " B")
}

fn scaled(value: u64, units: &[(f64, &str)], plain: &str) -> String {
    let amount = value as f64;
    match units.iter().find(|(unit, _)| amount >= *unit) {
        Some((unit, name)) => format!("{}{name}", number(amount / unit)),
        None => format!("{}{plain}", integer(value)),
    }
}

/// A time in the unit that suits it: "5.60 s", "1.02 ms", "16.4 µs".
pub(crate) fn seconds(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        NOT_A_NUMBER.to_owned()
    } else if size >= 1.0 || size == 0.0 {
        format!("{} s", number(value))
    } else if size >= 1e-3 {
        format!("{} ms", number(value * 1e3))
    } else {
        format!("{} µs", number(value * 1e6))
    }
}

/// A share as percent: "12 %", "0.4 %".
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        NOT_A_NUMBER.to_owned()
    } else if share == 0.0 || share.abs() >= 0.0995 {
        format!("{:.0} %", share * 100.0)
    } else if share.abs() < 0.0005 {
        format!("{:.3} %", share * 100.0)
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// "1 wafer", "20 wafers".
pub(crate) fn units(count: u32, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", integer(count.into()))
}

/// `text` cut to at most `width` characters, with an ellipsis where something is missing.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Zero in place of anything that cannot be the length of a bar.
pub(crate) fn length(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 { value } else { 0.0 }
}

/// Round positions between `low` and `high`, about `wanted` of them, for the ticks of an axis.
pub(crate) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || wanted == 0 {
        return Vec::new();
    }
    let rough = span / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first + 50)).map(|i| i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits() {
        assert_eq!(number(981.4), "981");
        assert_eq!(number(1234567.0), "1,234,567");
        assert_eq!(number(-1500.0), "-1,500");
        assert_eq!(number(16.44), "16.4");
        assert_eq!(number(9.999), "10.0");
        assert_eq!(number(0.0333), "0.033");
        assert_eq!(plain(5.0), "5");
        assert_eq!(plain(0.5), "0.5");
        assert_eq!(plain(100.0), "100");
        assert_eq!(number(f64::NAN), "n/a");
        assert_eq!(number(f64::INFINITY), "n/a");
        assert_eq!(count(1_026_000_000_000), "1.03 T");
        assert_eq!(bytes(44_000_000_000), "44.0 GB");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(seconds(0.00102), "1.02 ms");
        assert_eq!(seconds(16.4e-6), "16.4 µs");
        assert_eq!(percent(0.004), "0.4 %");
        assert_eq!(units(1, "wafer"), "1 wafer");
    }

    #[test]
    fn ticks_lie_inside_the_axis() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(0.0, 0.0, 5), [0.0; 0]);
        assert_eq!(ticks(f64::NAN, 1.0, 5), [0.0; 0]);
        assert!(ticks(712.0, 1204.0, 4).iter().all(|t| (712.0..=1204.0).contains(t)));
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shorten("größer", 3), "gr…");
        assert_eq!(shorten("ab", 3), "ab");
    }
}
