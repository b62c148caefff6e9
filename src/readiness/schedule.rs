//! When a CronJob's jobs begin
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax>).

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// How far ahead is looked: 29 February comes at least every eight years.
const DAYS: usize = 8 * 366;

/// Minute, hour, day of the month, month and day of the week, each as a set of bits.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    fields: [u64; 5],
    /// Neither day is restricted on its own: both have to fit. Otherwise one is enough.
    both_days: bool,
}

impl Schedule {
    /// Reads five fields of `*`, numbers, lists, ranges and steps.
    pub fn read(text: &str) -> Option<Self> {
        let words: [&str; 5] = text.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
        let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        let mut fields = [0; 5];
        for ((field, word), bounds) in fields.iter_mut().zip(words).zip(bounds) {
            for part in word.split(',') {
                *field |= bits(part, bounds)?;
            }
        }
        Some(Self { fields, both_days: words[2].starts_with('*') || words[4].starts_with('*') })
    }

    /// The first minute after a moment, in UTC.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let next = moment.to_zoned(TimeZone::UTC).datetime().with().second(0).subsec_nanosecond(0).build().ok()?;
        let next = next.checked_add(1.minute()).ok()?;
        let mut date = next.date();
        let mut from = (next.hour(), next.minute());
        for _ in 0..DAYS {
            let times = (0..24).flat_map(|hour| (0..60).map(move |minute| (hour, minute)));
            let mut times = times.filter(|(hour, minute)| self.has(1, *hour) && self.has(0, *minute));
            if self.has_day(date)
                && let Some((hour, minute)) = times.find(|time| *time >= from)
            {
                return Some(date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?.timestamp());
            }
            (date, from) = (date.tomorrow().ok()?, (0, 0));
        }
        None
    }

    fn has(&self, field: usize, value: i8) -> bool {
        self.fields[field] & (1 << value) != 0
    }

    fn has_day(&self, date: Date) -> bool {
        let of_month = self.has(2, date.day());
        let of_week = self.has(4, date.weekday().since(Weekday::Sunday));
        let fits = if self.both_days { of_month && of_week } else { of_month || of_week };
        fits && self.has(3, date.month())
    }
}

/// `*`, `5`, `1-5`, each with or without `/2`; a single number with a step goes on to the end.
fn bits(part: &str, (least, most): (u32, u32)) -> Option<u64> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None if range == "*" => (least, most),
        None => (number(range)?, if step.is_some() { most } else { number(range)? }),
    };
    let step = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
    (first <= last).then(|| (first..=last).step_by(step).fold(0, |bits, number| bits | (1 << number)))
}
