//! Parts of a date.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// `y` = a part of a day or an instant in UTC; missing stays missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatePart {
    /// Which part.
    pub part: Part,
    /// What the numbers count since 1970.
    pub unit: Unit,
    /// Where on its circle the part is, in place of its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<Circle>,
}

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week, Monday 0.
    Weekday,
    /// The hour, from 0.
    Hour,
    /// One on Saturdays and Sundays, zero else.
    IsWeekend,
    /// The day of the year, from 1.
    DayOfYear,
}

/// What numbers of a time count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Days.
    Days,
    /// Seconds.
    Seconds,
}

/// A coordinate on a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circle {
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
}

/// Days from 1970 to the first day of a year.
fn first_day(year: i64) -> i64 {
    let leaps = |year: i64| (year - 1).div_euclid(4) - (year - 1).div_euclid(100) + (year - 1).div_euclid(400);
    365 * (year - 1970) + leaps(year) - leaps(1970)
}

/// The days before each month, in a year that is none or one of the leap years.
fn days_before(month: usize, is_leap: bool) -> i64 {
    const DAYS: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    DAYS[month] + i64::from(is_leap && month >= 2)
}

/// Days since 1970 of a date; nothing where there is no such date.
pub(crate) fn days_of(year: i64, month: u32, day: u32) -> Option<i64> {
    let is_leap = first_day(year + 1) - first_day(year) == 366;
    let before = |month: u32| days_before(month as usize, is_leap);
    let length = (1..=12).contains(&month).then(|| before(month) - before(month - 1))?;
    (1..=length).contains(&i64::from(day)).then(|| first_day(year) + before(month - 1) + i64::from(day) - 1)
}

/// Year, month and day of the year, all but the year from 0.
fn date(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + (days as f64 / 365.2425).floor() as i64;
    while first_day(year) > days {
        year -= 1;
    }
    while first_day(year + 1) <= days {
        year += 1;
    }
    let (of_year, is_leap) = (days - first_day(year), first_day(year + 1) - first_day(year) == 366);
    let month = (1..12).rev().find(|&month| days_before(month, is_leap) <= of_year).unwrap_or(0);
    (year, month as i64, of_year)
}

impl DatePart {
    fn of(&self, x: f64) -> f64 {
        let (days, hour) = match self.unit {
            Unit::Days => (x.floor() as i64, 0),
            Unit::Seconds => ((x / 86_400.0).floor() as i64, (x.rem_euclid(86_400.0) / 3600.0) as i64),
        };
        let weekday = (days + 3).rem_euclid(7);
        let (year, month, of_year) = date(days);
        let is_leap = first_day(year + 1) - first_day(year) == 366;
        // The number, the first of its kind, and how many there are on a round.
        let (number, first, round) = match self.part {
            Part::Year => (year, 0, 1),
            Part::Month => (month + 1, 1, 12),
            Part::Day => (of_year - days_before(month as usize, is_leap) + 1, 1, 31),
            Part::Weekday => (weekday, 0, 7),
            Part::Hour => (hour, 0, 24),
            Part::IsWeekend => (i64::from(weekday >= 5), 0, 1),
            Part::DayOfYear => (of_year + 1, 1, 366),
        };
        let angle = (number - first) as f64 / f64::from(round) * std::f64::consts::TAU;
        match self.circle {
            None => number as f64,
            Some(Circle::Sin) => angle.sin(),
            Some(Circle::Cos) => angle.cos(),
        }
    }
}

impl Operator for DatePart {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        if input == CellType::Number { Ok(CellType::Number) } else { Err("dates") }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        // Beyond these there is no calendar: a cell so far away is missing.
        let most = match self.unit {
            Unit::Days => 1e8,
            Unit::Seconds => 1e13,
        };
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            *y = if x.abs() <= most { self.of(x) } else { f64::NAN };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let part = |part, x| DatePart { part, unit: Unit::Seconds, circle: None }.of(x);
        let all = |x| {
            [Part::Year, Part::Month, Part::Day, Part::Weekday, Part::Hour, Part::IsWeekend, Part::DayOfYear]
                .map(|it| part(it, x))
        };
        assert_eq!(all(0.0), [1970.0, 1.0, 1.0, 3.0, 0.0, 0.0, 1.0]);
        // 2024-02-29 23:59:59, a Thursday; 1969-12-31 01:00, a Wednesday; 2000-12-31, a Sunday.
        assert_eq!(all(1_709_251_199.0), [2024.0, 2.0, 29.0, 3.0, 23.0, 0.0, 60.0]);
        assert_eq!(all(-82_800.0), [1969.0, 12.0, 31.0, 2.0, 1.0, 0.0, 365.0]);
        assert_eq!(all(978_220_800.0), [2000.0, 12.0, 31.0, 6.0, 0.0, 1.0, 366.0]);
    }

    proptest::proptest! {
        #[test]
        fn a_date_is_the_day_that_it_is_of(day in -2_000_000i64..2_000_000) {
            let part = |part| DatePart { part, unit: Unit::Days, circle: None }.of(day as f64);
            let (year, month, of_month) = (part(Part::Year), part(Part::Month), part(Part::Day));
            proptest::prop_assert_eq!(days_of(year as i64, month as u32, of_month as u32), Some(day));
        }
    }
}
