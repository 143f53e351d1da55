//! Sets of numbers that are mostly one range.

use serde::{Deserialize, Serialize};

/// The numbers from one to another, both of them too.
pub(crate) type Range = (i32, i32);

/// Ranges of numbers, ascending, none of which touches the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Range>", into = "Vec<Range>")]
pub(crate) struct Numbers(Vec<Range>);

impl Numbers {
    pub(crate) fn contains(&self, number: i32) -> bool {
        let at = self.0.partition_point(|(_, to)| *to < number);
        self.0.get(at).is_some_and(|(from, _)| *from <= number)
    }

    /// The lowest of them.
    pub(crate) fn lowest(&self) -> Option<i32> {
        self.0.first().map(|(from, _)| *from)
    }

    /// The highest of them.
    pub(crate) fn highest(&self) -> Option<i32> {
        self.0.last().map(|(_, to)| *to)
    }

    /// Where the range begins that has this number.
    pub(crate) fn begin_of(&self, number: i32) -> Option<i32> {
        let at = self.0.partition_point(|(_, to)| *to < number);
        self.0.get(at).map(|(from, _)| *from).filter(|from| *from <= number)
    }

    /// Where the highest range ends that is all below this number.
    pub(crate) fn end_below(&self, number: i32) -> Option<i32> {
        let at = self.0.partition_point(|(_, to)| *to < number);
        at.checked_sub(1).map(|at| self.0[at].1)
    }

    /// From the first number that is missing between the lowest and `to` to the last one.
    pub(crate) fn missing_up_to(&self, to: i32) -> Option<Range> {
        let first = self.0.first()?.1.saturating_add(1);
        let (begin, end) = *self.0.last()?;
        match (end < to, self.0.len()) {
            (true, _) => Some((first, to)),
            (false, 0..=1) => None,
            (false, _) => Some((first, begin.saturating_sub(1))),
        }
    }

    /// Adds a range; one that ends before it begins has no numbers.
    pub(crate) fn add(&mut self, (from, to): Range) {
        if from > to {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < from.saturating_sub(1));
        let behind = self.0.partition_point(|range| range.0 <= to.saturating_add(1));
        let touched = &self.0[first..behind];
        let from = touched.first().map_or(from, |range| range.0.min(from));
        let to = touched.last().map_or(to, |range| range.1.max(to));
        self.0.splice(first..behind, [(from, to)]);
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, number: i32) {
        let at = self.0.partition_point(|(_, to)| *to < number);
        let range = self.0.get(at).copied().filter(|(from, _)| *from <= number);
        let Some((from, to)) = range else { return };
        let below = (from < number).then(|| (from, number - 1));
        let above = (number < to).then(|| (number + 1, to));
        self.0.splice(at..=at, below.into_iter().chain(above));
    }

    /// Takes the lowest range out where there are more than this.
    pub(crate) fn forget(&mut self, most: usize) {
        if self.0.len() > most {
            self.0.remove(0);
        }
    }

    /// Fills the lowest gap where there are more ranges than this; returns what was filled.
    pub(crate) fn shorten(&mut self, most: usize) -> Option<Range> {
        if self.0.len() <= most.max(1) {
            return None;
        }
        let gap = (self.0[0].1.saturating_add(1), self.0[1].0.saturating_sub(1));
        self.add(gap);
        Some(gap)
    }
}

impl From<Vec<Range>> for Numbers {
    /// Whatever the ranges are: a store says what it says.
    fn from(ranges: Vec<Range>) -> Self {
        let mut numbers = Self::default();
        ranges.into_iter().for_each(|range| numbers.add(range));
        numbers
    }
}

impl From<Numbers> for Vec<Range> {
    fn from(numbers: Numbers) -> Self {
        numbers.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fuzz::Random;

    #[test]
    fn ranges_that_touch_are_one() {
        let mut numbers = Numbers::from(vec![(20, 30), (1, 5), (6, 7)]);
        assert_eq!(numbers, Numbers(vec![(1, 7), (20, 30)]));
        assert_eq!(
            (numbers.missing_up_to(30), numbers.missing_up_to(40)),
            (Some((8, 19)), Some((8, 40)))
        );
        assert_eq!((numbers.begin_of(25), numbers.begin_of(10)), (Some(20), None));
        assert_eq!((numbers.end_below(20), numbers.end_below(1)), (Some(7), None));
        numbers.add((8, 19));
        assert_eq!(numbers, Numbers(vec![(1, 30)]));
        assert_eq!(numbers.missing_up_to(30), None);
        numbers.add((3, 2));
        numbers.add((i32::MIN, i32::MAX));
        assert_eq!(numbers, Numbers(vec![(i32::MIN, i32::MAX)]));
    }

    #[test]
    fn the_lowest_gap_is_filled_where_there_are_too_many() {
        let mut numbers = Numbers::from(vec![(1, 1), (3, 3), (7, 7)]);
        assert_eq!(numbers.shorten(3), None);
        assert_eq!(numbers.shorten(2), Some((2, 2)));
        assert_eq!(numbers, Numbers(vec![(1, 3), (7, 7)]));
    }

    #[test]
    fn the_lowest_range_is_forgotten_where_there_are_too_many() {
        let mut numbers = Numbers::from(vec![(1, 1), (3, 3), (i32::MAX, i32::MAX)]);
        numbers.forget(3);
        numbers.forget(2);
        assert_eq!(numbers, Numbers(vec![(3, 3), (i32::MAX, i32::MAX)]));
        numbers.remove(i32::MAX);
        assert_eq!(numbers, Numbers(vec![(3, 3)]));
    }

    #[test]
    fn they_are_what_a_set_is() {
        for case in 0..200 {
            let mut random = Random::of(7, case);
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for _ in 0..20 {
                let from = random.below(60) as i32;
                let to = from + random.below(6) as i32 - 1;
                numbers.add((from, to));
                set.extend(from..=to);
                let gone = random.below(60) as i32;
                numbers.remove(gone);
                set.remove(&gone);
            }
            assert!((-1..70).all(|n| numbers.contains(n) == set.contains(&n)), "{numbers:?}");
            assert_eq!(numbers.highest(), set.last().copied());
            assert_eq!(numbers.lowest(), set.first().copied());
            let missing = (set.first().copied().unwrap_or(0)..70).filter(|n| !set.contains(n));
            let missing: Vec<_> = missing.collect();
            let found = numbers.missing_up_to(69);
            assert_eq!(found, (!set.is_empty()).then(|| (missing[0], 69)), "{numbers:?}");
            let apart = |pair: &[Range]| pair[0].1 + 1 < pair[1].0;
            assert!(numbers.0.windows(2).all(apart), "{numbers:?}");
        }
    }
}
