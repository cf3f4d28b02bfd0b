//! The XML files of clpeak, `--xml-file`. Version 1 has an element for each platform, device, test and metric;
//! version 2 has `run`, `test` and `metric` elements with these names as attributes.

use super::entry::{Entry, add};
use crate::import::measured::{Import, told};
use roxmltree::{Document, Node, ParsingOptions};

/// Maximum number of elements and texts of a document, far more than any run has, so that a broken file cannot
/// exhaust memory.
const MOST_NODES: u32 = 1_000_000;

/// Interface that version 1 uses; it knows no other.
const FIRST: &str = "OpenCL";

/// Returns whether `text` is such a file.
pub(super) fn fits(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("<?xml") || text.starts_with("<clpeak")) && text.contains("<clpeak")
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.trim(), options).map_err(|why| {
        format!("{}; a file of a run that was interrupted has no end", told(&why.to_string()))
    })?;
    let root = document.root_element();
    let mut import = Import::default();
    for run in elements(root).filter(|node| node.has_tag_name("run")) {
        let of_run = Entry {
            version: attribute(root, "clpeak_version"),
            backend: attribute(run, "backend"),
            platform: attribute(run, "platform"),
            device: attribute(run, "device"),
            driver: attribute(run, "driver"),
            ..Entry::default()
        };
        for test in run.descendants().filter(|node| node.has_tag_name("test")) {
            for metric in elements(test).filter(|node| node.has_tag_name("metric")) {
                let entry = Entry {
                    test: attribute(test, "name"),
                    metric: attribute(metric, "name"),
                    ..of_run.clone()
                };
                number(&mut import, entry, test, metric)?;
            }
        }
    }
    for platform in elements(root).filter(|node| node.has_tag_name("platform")) {
        for device in elements(platform).filter(|node| node.has_tag_name("device")) {
            let of_device = Entry {
                backend: FIRST.into(),
                platform: attribute(platform, "name"),
                device: attribute(device, "name"),
                driver: attribute(device, "driver_version"),
                ..Entry::default()
            };
            for test in elements(device) {
                let entry = Entry { test: test.tag_name().name().into(), ..of_device.clone() };
                // A test has an element for each metric, or is itself the one number.
                if elements(test).next().is_none() {
                    number(&mut import, entry, test, test)?;
                    continue;
                }
                for metric in elements(test) {
                    let entry = Entry { metric: metric.tag_name().name().into(), ..entry.clone() };
                    number(&mut import, entry, test, metric)?;
                }
            }
        }
    }
    Ok(import)
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

fn attribute(node: Node, name: &str) -> String {
    node.attribute(name).unwrap_or_default().into()
}

/// Adds `entry` with the number in `metric`, in the unit of `test`.
fn number(import: &mut Import, entry: Entry, test: Node, metric: Node) -> Result<(), String> {
    let text = metric.text().unwrap_or_default().trim();
    let line = metric.document().text_pos_at(metric.range().start).row;
    let place = format!("line {line}, `{}`", told(&format!("{} {}", entry.test, entry.metric)).trim_end());
    let value = match (metric.attribute("status"), text) {
        (Some(_), _) | (None, "") => None,
        (None, text) => {
            Some(text.parse::<f64>().map_err(|_| format!("{place}: `{}` is no number", told(text)))?)
        }
    };
    let told = |name: &str| metric.attribute(name).map(str::to_string);
    let entry = Entry {
        unit: attribute(test, "unit"),
        value,
        status: told("status"),
        reason: told("reason"),
        ..entry
    };
    add(import, &entry, &place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::ImportUnit;

    const OLD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clpeak os="Linux x64">
  <platform name="NVIDIA CUDA">
    <device name="Tesla T4" driver_version="560.35.03" compute_units="40" clock_frequency="1590" clock_frequency_unit="MHz">
      <global_memory_bandwidth unit="gbps">
        <float>235.5</float>
        <float2>0</float2>
      </global_memory_bandwidth>
      <kernel_launch_latency unit="us">5.5</kernel_launch_latency>
    </device>
  </platform>
</clpeak>
"#;

    const NEW: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<clpeak format_version="2" clpeak_version="2.1.2" os="Linux">
  <run backend="Vulkan" platform="AMD &amp; Co" device="RX 7900" driver="24.1">
    <prop name="Compute units" value="48"/>
    <category name="fp_compute">
      <test name="single_precision_compute" display="Single-precision compute" unit="gflops">
        <metric name="float">12500.5</metric>
        <metric name="double" status="unsupported" reason="no fp64"/>
      </test>
    </category>
  </run>
</clpeak>
"#;

    #[test]
    fn the_file_of_version_1_names_tests_by_its_elements() {
        let import = read(OLD).unwrap();
        let told: Vec<(&str, f64, ImportUnit)> = import
            .measured
            .iter()
            .map(|one| (one.imported.name.as_str(), one.imported.value, one.imported.unit))
            .collect();
        assert!(fits(OLD));
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], ("global_memory_bandwidth float", 235.5e9, ImportUnit::ByteRate));
        assert_eq!((told[1].0, told[1].2), ("kernel_launch_latency", ImportUnit::Seconds));
        assert!((told[1].1 - 5.5e-6).abs() < 1e-18);
        let device = &import.measured[0].device;
        assert_eq!(
            (&*device.name, &*device.api, &*device.driver_version),
            ("Tesla T4", "opencl", "560.35.03")
        );
        assert_eq!(import.left_out[0].to_string(), "global_memory_bandwidth float2: 0 gbps");
    }

    #[test]
    fn the_file_of_version_2_names_them_by_attributes() {
        let import = read(NEW).unwrap();
        let [one] = &import.measured[..] else { panic!("{import:?}") };
        assert_eq!((&*one.imported.name, one.imported.value), ("single_precision_compute float", 12500.5e9));
        assert_eq!(one.imported.version.as_deref(), Some("2.1.2"));
        assert_eq!((&*one.device.api, &*one.imported.parameters["platform"]), ("vulkan", "AMD & Co"));
        assert_eq!(import.left_out[0].to_string(), "single_precision_compute double: unsupported: no fp64");
    }

    #[test]
    fn what_is_broken_says_where() {
        let error = read(&OLD.replace("235.5", "inf")).unwrap_err();
        assert!(error.starts_with("line 6, `global_memory_bandwidth float`: inf is not"), "{error}");
        let error = read(&OLD.replace("</clpeak>", "")).unwrap_err();
        assert!(error.contains("interrupted"), "{error}");
        // No entity is expanded without end.
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"&b;&b;\">]><clpeak>&b;</clpeak>";
        assert!(read(bomb).is_err());
    }
}
