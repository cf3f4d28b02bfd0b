//! Pairing of the devices in two sets of files.

use super::label::labels;
use portamark_model::plain_text::{clean, cut as shorten};
use portamark_results::{Header, RunFile};
use std::collections::{BTreeSet, HashMap};

/// Files of one device on both sides; one side may be empty.
#[derive(Debug, Clone)]
pub struct DevicePair<'a> {
    /// Files of the new side, which is judged.
    pub new: Vec<&'a RunFile>,
    /// Files of the reference, which the new side is judged against.
    pub reference: Vec<&'a RunFile>,
    /// Whether the labels of the user tell this device from another one of the same name.
    pub labelled: bool,
}

impl<'a> DevicePair<'a> {
    /// Pairs these files, whatever they are.
    pub fn of(new: Vec<&'a RunFile>, reference: Vec<&'a RunFile>) -> Self {
        DevicePair { new, reference, labelled: false }
    }
}

impl DevicePair<'_> {
    /// Returns a short name: that of the reference and, if it differs, also that of the new side.
    pub fn label(&self) -> String {
        let name = |side: &[&RunFile]| {
            let name = side.last().and_then(|file| labels(&[&file.header]).pop())?;
            Some(format!("{name}{}", if self.labelled { of_user(&side[0].header) } else { String::new() }))
        };
        match (name(&self.reference), name(&self.new)) {
            (Some(reference), Some(new)) if reference != new => format!("{reference} -> {new}"),
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => String::new(),
        }
    }
}

/// Properties that two groups of files must share to be paired, from the strictest set to the loosest.
const ALIKE: [fn(&Header) -> Vec<String>; 4] = [
    |header| {
        let ab = header.ab.as_ref().map_or(String::new(), |ab| format!("{} {}", ab.side, ab.words));
        let executor = header.executor.split_whitespace().next().unwrap_or_default().to_string();
        vec![header.device.id.clone(), kind(header), measured(header), executor, ab]
    },
    |header| vec![header.device.id.clone(), kind(header), measured(header)],
    // The same chip through another driver.
    |header| vec![header.device.name.clone(), kind(header), header.device.api.clone(), measured(header)],
    |header| vec![header.device.name.clone(), kind(header), header.device.api.clone()],
];

/// Returns the part of the machine that computes, as text.
fn kind(header: &Header) -> String {
    format!("{:?}", header.device.chip_kind())
}

/// Returns the method and the distribution of inputs.
fn measured(header: &Header) -> String {
    format!("{} {}", header.method, header.distribution())
}

/// Returns the labels of the user, e.g. ` · card=A`.
fn of_user(header: &Header) -> String {
    let pairs: Vec<String> = header.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { String::new() } else { format!(" · {}", shorten(&clean(&pairs.join(", ")), 72)) }
}

/// Returns device, executor, method, distribution, A/B side and labels.
fn with_labels(header: &Header) -> Vec<String> {
    let labels = header.labels.iter().map(|(key, value)| format!("{key}={value}"));
    ALIKE[0](header).into_iter().chain(labels).collect()
}

/// Pairs the devices of two sides by their labels too, if these tell several devices of one name apart and both
/// sides have the same of them: two cards of one model. Labels that the sides do not share only describe a run.
fn pair_labelled<'a>(new: &'a [RunFile], reference: &'a [RunFile]) -> Option<Vec<DevicePair<'a>>> {
    let keys = |files: &[RunFile]| -> BTreeSet<Vec<String>> {
        files.iter().map(|file| with_labels(&file.header)).collect()
    };
    let groups_of = |files| groups(files, with_labels);
    let several = groups_of(reference).len() > groups(reference, ALIKE[0]).len();
    if !several || keys(new) != keys(reference) {
        return None;
    }
    let mut of_new: HashMap<Vec<String>, Vec<&RunFile>> =
        groups_of(new).into_iter().map(|group| (with_labels(&group[0].header), group)).collect();
    let pair = |reference: Vec<&'a RunFile>| {
        let new = of_new.remove(&with_labels(&reference[0].header)).unwrap_or_default();
        DevicePair { new, reference, labelled: true }
    };
    Some(groups_of(reference).into_iter().map(pair).collect())
}

/// Pairs the devices of two sides: first identical ones, then the same chip through another driver, finally
/// the only two left over, whatever they are. A device without a partner stays alone.
pub fn pair_devices<'a>(new: &'a [RunFile], reference: &'a [RunFile]) -> Vec<DevicePair<'a>> {
    if let Some(pairs) = pair_labelled(new, reference) {
        return pairs;
    }
    let mut new: Vec<Option<Vec<&RunFile>>> = groups(new, ALIKE[0]).into_iter().map(Some).collect();
    let reference = groups(reference, ALIKE[0]);
    let mut partners: Vec<Option<Vec<&RunFile>>> = vec![None; reference.len()];
    for alike in ALIKE {
        let key = |group: &Vec<&RunFile>| alike(&group[0].header);
        for (at, group) in reference.iter().enumerate() {
            let wanted = key(group);
            let rivals =
                (0..reference.len()).filter(|i| partners[*i].is_none() && key(&reference[*i]) == wanted);
            let fits: Vec<usize> = (0..new.len())
                .filter(|i| new[*i].as_ref().is_some_and(|group| key(group) == wanted))
                .collect();
            if let ([only], true, 1) = (&fits[..], partners[at].is_none(), rivals.count()) {
                partners[at] = new[*only].take();
            }
        }
    }
    let alone: Vec<usize> = (0..partners.len()).filter(|at| partners[*at].is_none()).collect();
    let left: Vec<usize> = (0..new.len()).filter(|at| new[*at].is_some()).collect();
    if let ([at], [other]) = (&alone[..], &left[..]) {
        partners[*at] = new[*other].take();
    }
    let with = reference.into_iter().zip(partners);
    let mut pairs: Vec<DevicePair> =
        with.map(|(reference, new)| DevicePair::of(new.unwrap_or_default(), reference)).collect();
    pairs.extend(new.into_iter().flatten().map(|new| DevicePair::of(new, Vec::new())));
    pairs
}

/// Groups files whose headers have the same `key`, in file order.
fn groups(files: &[RunFile], key: fn(&Header) -> Vec<String>) -> Vec<Vec<&RunFile>> {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<&RunFile>> = Vec::new();
    for file in files {
        let place = *places.entry(key(&file.header)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(file);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn file(name: &str, driver: &str) -> RunFile {
        let mut header = fixture::h100_header();
        header.device.name = name.into();
        header.device.driver_version = driver.into();
        header.device.id = format!("vulkan/{name}/{driver}");
        fixture::file(header, vec![])
    }

    /// Device ids of both sides of each pair, `-` for none.
    fn paired(new: &[RunFile], reference: &[RunFile]) -> Vec<String> {
        let ids = |side: &[&RunFile]| {
            let ids: Vec<&str> = side.iter().map(|file| &file.header.device.id["vulkan/".len()..]).collect();
            if ids.is_empty() { "-".to_string() } else { ids.join("+") }
        };
        pair_devices(new, reference)
            .iter()
            .map(|pair| format!("{} {}", ids(&pair.reference), ids(&pair.new)))
            .collect()
    }

    #[test]
    fn two_single_devices_are_a_pair_whatever_they_are() {
        assert_eq!(paired(&[file("b", "2")], &[file("a", "1")]), ["a/1 b/2"]);
        let label = |new: &[RunFile], reference: &[RunFile]| pair_devices(new, reference)[0].label();
        assert_eq!(label(&[file("b", "2")], &[file("a", "1")]), "a · 1 -> b · 2");
        assert_eq!(label(&[file("a", "1")], &[file("a", "1")]), "a · 1");
        assert_eq!(label(&[], &[file("a", "1")]), "a · 1");
    }

    #[test]
    fn of_several_devices_each_has_its_own_partner() {
        let new = [file("c", "1"), file("b", "2"), file("a", "1"), file("a", "1")];
        let reference = [file("a", "1"), file("b", "1"), file("d", "1")];
        // b has another driver; d and c are left over.
        assert_eq!(paired(&new, &reference), ["a/1 a/1+a/1", "b/1 b/2", "d/1 c/1"]);
        let new = [file("b", "1"), file("a", "1"), file("c", "1")];
        assert_eq!(paired(&new, &[file("a", "1")]), ["a/1 a/1", "- b/1", "- c/1"]);
    }

    #[test]
    fn cards_of_one_name_are_paired_by_labels_that_both_sides_have() {
        let card = |label: &str| {
            let mut file = file("a", "1");
            file.header.labels = [("card".to_string(), label.to_string())].into();
            file
        };
        let (new, reference) = ([card("y"), card("x")], [card("x"), card("y"), card("y")]);
        let told = |new: &[RunFile], reference: &[RunFile]| -> Vec<(String, usize, usize)> {
            let pairs = pair_devices(new, reference);
            pairs.iter().map(|pair| (pair.label(), pair.new.len(), pair.reference.len())).collect()
        };
        let expected = [("a · 1 · card=x".to_string(), 1, 1), ("a · 1 · card=y".to_string(), 1, 2)];
        assert_eq!(told(&new, &reference), expected);
        // Labels of a run describe it: one device before and after.
        assert_eq!(told(&[card("3"), card("4")], &[card("1"), card("2")]), [("a · 1".to_string(), 2, 2)]);
    }

    #[test]
    fn what_could_be_either_has_no_partner() {
        let two_drivers = [file("a", "1"), file("a", "2")];
        assert_eq!(paired(&[file("a", "3")], &two_drivers), ["a/1 -", "a/2 -", "- a/3"]);
        assert_eq!(paired(&[file("a", "2")], &two_drivers), ["a/1 -", "a/2 a/2"]);
    }
}
