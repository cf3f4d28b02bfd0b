//! Short, unique device names, built from untrusted text in result files.

use portamark_model::device::{Capabilities, Takes, without_marks};
use portamark_model::plain_text::{clean, cut as shorten};
use portamark_model::workload::Distribution;
use portamark_results::Header;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Maximum number of characters of the device name in a label; `VERSION_LIMIT` is that of the driver version.
const NAME_LIMIT: usize = 36;
const VERSION_LIMIT: usize = 20;

/// Returns the part before the first parenthesis, or all of `text` if nothing stands before it.
fn before_parenthesis(text: &str) -> &str {
    match text.split_once('(') {
        Some((before, _)) if !before.trim().is_empty() => before.trim(),
        _ => text,
    }
}

/// Returns the version that distinguishes devices on the same chip: that of the driver or, with its name,
/// that of the runtime or browser, which has its own version.
fn version_of(device: &Capabilities) -> String {
    let Capabilities { api, driver, driver_version, takes, .. } = device;
    match (takes, api.as_str()) {
        (Takes::Cases, _) => format!("{api} {driver_version}"),
        (_, "webgpu") => format!("{driver} {driver_version}"),
        _ => driver_version.clone(),
    }
}

/// Returns the labels of the user that differ among `headers`, e.g. ` · card=A`, one text per header.
fn differing(headers: &[&Header]) -> Vec<String> {
    let differs = |key: &&String| headers.iter().any(|h| h.labels.get(*key) != headers[0].labels.get(*key));
    let keys: BTreeSet<&String> = headers.iter().flat_map(|h| h.labels.keys()).filter(differs).collect();
    let told = |header: &&Header| {
        let values = keys.iter().filter_map(|key| Some((*key, header.labels.get(*key)?)));
        let texts = values.map(|(key, value)| shorten(&clean(&format!("{key}={value}")), VERSION_LIMIT));
        let text = shorten(&texts.collect::<Vec<_>>().join(", "), 2 * NAME_LIMIT);
        if text.is_empty() { text } else { format!(" · {text}") }
    };
    headers.iter().map(told).collect()
}

/// Returns one label per header, all different: short name and driver version; where labels collide, with the labels
/// of the user that differ, then in full, then with the kind of device if that differs, then with the API, then with
/// executor and method; finally with a number.
pub(crate) fn labels(headers: &[&Header]) -> Vec<String> {
    let at_level = |(header, of_user): (&Header, &str), level: usize| {
        let device = &header.device;
        let (name, version) = (without_marks(&clean(&device.name)), clean(&version_of(device)));
        let (name, version) = if level == 0 {
            let name = shorten(before_parenthesis(&name), NAME_LIMIT);
            (name, shorten(before_parenthesis(&version), VERSION_LIMIT))
        } else {
            (shorten(&name, 2 * NAME_LIMIT), shorten(&version, 2 * VERSION_LIMIT))
        };
        let name = if name.is_empty() { "unnamed device".into() } else { name };
        let mut label = if version.is_empty() { name } else { format!("{name} · {version}") };
        // The distribution of inputs is part of what was measured.
        let dist = header.distribution();
        if dist != Distribution::Uniform.name() {
            label += &format!(" · {}", shorten(&clean(dist), VERSION_LIMIT));
        }
        if level >= 1 && several_kinds(headers, &device.name) {
            label += &format!(" · {}", device.kind());
        }
        if level >= 2 {
            label += &format!(" · {}", shorten(&clean(&device.api), VERSION_LIMIT));
        }
        if level >= 3 {
            label += &format!(
                " · {} · method {}",
                shorten(&clean(&header.executor), VERSION_LIMIT),
                header.method
            );
        }
        label += of_user;
        if let Some(ab) = &header.ab {
            label += &format!(" · {} {}", clean(&ab.side), shorten(&clean(&ab.words), NAME_LIMIT));
        }
        label
    };
    let mut labels: Vec<String> = headers.iter().map(|header| at_level((header, ""), 0)).collect();
    let mut of_user = vec![String::new(); headers.len()];
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for i in colliding(&labels) {
        alike.entry(labels[i].clone()).or_default().push(i);
    }
    for places in alike.into_values() {
        let same: Vec<&Header> = places.iter().map(|i| headers[*i]).collect();
        for (i, text) in places.into_iter().zip(differing(&same)) {
            labels[i] = at_level((headers[i], &text), 0);
            of_user[i] = text;
        }
    }
    for level in 1..=3 {
        for i in colliding(&labels) {
            labels[i] = at_level((headers[i], &of_user[i]), level);
        }
    }
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for i in colliding(&labels) {
        let number = numbers.entry(labels[i].clone()).or_insert(0);
        *number += 1;
        labels[i] = format!("{} #{number}", labels[i]);
    }
    labels
}

/// Whether devices of different kinds are called `name`.
fn several_kinds(headers: &[&Header], name: &str) -> bool {
    let mut kinds =
        headers.iter().filter(|header| header.device.name == name).map(|header| header.device.kind());
    kinds.next().is_some_and(|first| kinds.any(|kind| kind != first))
}

fn colliding(labels: &[String]) -> Vec<usize> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for label in labels {
        *count.entry(label).or_insert(0) += 1;
    }
    (0..labels.len()).filter(|&i| count[labels[i].as_str()] > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn a_label_is_name_and_version_without_what_is_in_parentheses() {
        let (h100, software) = (fixture::h100_header(), fixture::software_header());
        assert_eq!(
            labels(&[&h100, &software]),
            ["NVIDIA H100 80GB HBM3 · 580.82.07", "llvmpipe · Mesa 22.3.6"]
        );
    }

    #[test]
    fn labels_that_collide_say_more_and_are_numbered_at_last() {
        let mut a = fixture::software_header();
        let mut b = a.clone();
        b.device.name = "llvmpipe (LLVM 19.1.7, 512 bits)".into();
        let told = labels(&[&a, &b]);
        assert!(told[0].contains("256 bits") && told[1].contains("512 bits"), "{told:?}");

        b = a.clone();
        b.device.api = "gl".into();
        let told = labels(&[&a, &b]);
        assert!(told[0].ends_with("· vulkan") && told[1].ends_with("· gl"), "{told:?}");

        a.device.name = "\u{7}".into();
        a.device.driver_version = String::new();
        let told = labels(&[&a, &a]);
        assert!(told[0].starts_with("unnamed device · vulkan"), "{told:?}");
        assert!(told[0].ends_with("#1") && told[1].ends_with("#2"), "{told:?}");
    }

    #[test]
    fn a_trademark_sign_does_not_end_a_name() {
        let named = |name: &str| {
            let mut header = fixture::software_header();
            (header.device.name, header.device.driver_version) = (name.into(), "1".into());
            labels(&[&header]).remove(0)
        };
        assert_eq!(named("Intel(R) Arc(TM) B580 Graphics"), "Intel Arc B580 Graphics · 1");
        assert_eq!(named("Qualcomm(R) Adreno(TM) X1-85 GPU"), "Qualcomm Adreno X1-85 GPU · 1");
        assert_eq!(named("Intel(R) Arc(tm) A770 Graphics (DG2)"), "Intel Arc A770 Graphics · 1");
    }

    #[test]
    fn an_integrated_and_a_discrete_device_of_one_name_are_told_apart() {
        let mut discrete = fixture::h100_header();
        discrete.device.name = "AMD Radeon Graphics".into();
        let mut integrated = discrete.clone();
        integrated.device.device_type = portamark_model::device::DeviceType::Integrated;
        assert_eq!(
            labels(&[&discrete, &integrated]),
            ["AMD Radeon Graphics · 580.82.07 · discrete", "AMD Radeon Graphics · 580.82.07 · integrated"]
        );
    }
}
