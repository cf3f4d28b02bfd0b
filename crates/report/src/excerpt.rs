//! Selection of the items to show if there are too many.

/// Returns the indices of at most `most` of `many` items, evenly spaced and including the first.
pub fn evenly_spaced(many: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = many.min(most);
    (0..shown).map(move |number| number * many / shown)
}

/// Returns how many items of each group to show so that about `most` are shown in total. Each group gets a
/// proportional share, and at least one item unless it is empty.
pub fn quotas(groups: &[usize], most: usize) -> Vec<usize> {
    let all: usize = groups.iter().sum();
    let part = |many: usize| if all <= most { many } else { (many * most / all).max(1).min(many) };
    groups.iter().map(|many| part(*many)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_evenly_apart_and_all_where_there_is_room() {
        assert_eq!(evenly_spaced(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(evenly_spaced(3, 4).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly_spaced(0, 4).count() + evenly_spaced(4, 0).count(), 0);
    }

    #[test]
    fn every_group_keeps_its_part_and_something() {
        assert_eq!(quotas(&[900, 100, 1, 0], 100), [89, 9, 1, 0]);
        assert_eq!(quotas(&[900, 100], 1000), [900, 100]);
    }
}
