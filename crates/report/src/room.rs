//! Which of too many things are shown.

/// Places of at most `most` of `many` things, evenly apart, the first among them.
pub fn spread(many: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = many.min(most);
    (0..shown).map(move |number| number * many / shown)
}

/// How many things of each group are shown so that about `most` are shown in all: every group has its part
/// of the room, and at least one thing of it is shown.
pub fn rooms(groups: &[usize], most: usize) -> Vec<usize> {
    let all: usize = groups.iter().sum();
    let part = |many: usize| if all <= most { many } else { (many * most / all).max(1).min(many) };
    groups.iter().map(|many| part(*many)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_evenly_apart_and_all_where_there_is_room() {
        assert_eq!(spread(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(spread(3, 4).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 4).count() + spread(4, 0).count(), 0);
    }

    #[test]
    fn every_group_keeps_its_part_and_something() {
        assert_eq!(rooms(&[900, 100, 1, 0], 100), [89, 9, 1, 0]);
        assert_eq!(rooms(&[900, 100], 1000), [900, 100]);
    }
}
