//! The CSV file of clpeak 2, `--csv-file`.

use super::entry::{Entry, add};
use crate::import::measured::{Import, told};
use crate::import::table::Table;

/// Start of the line of column names.
const NAMES: &str = "format_version,backend,platform,device,driver,category,test,metric,unit,";

/// Returns whether `text` is such a file.
pub(super) fn fits(text: &str) -> bool {
    text.starts_with(NAMES)
}

/// Reads the results in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    for row in Table::read(text, 0)?.rows() {
        let cell = |name: &str| row.get(name).unwrap_or_default().to_string();
        let place = row.place("value");
        let value = row.get("value").map(|value| {
            value.parse::<f64>().map_err(|_| format!("{place}: `{}` is no number", told(value)))
        });
        let entry = Entry {
            version: String::new(),
            backend: cell("backend"),
            platform: cell("platform"),
            device: cell("device"),
            driver: cell("driver"),
            test: cell("test"),
            metric: cell("metric"),
            unit: cell("unit"),
            value: value.transpose()?,
            status: row.get("status").map(str::to_string),
            reason: row.get("reason").map(str::to_string),
        };
        add(&mut import, &entry, &place)?;
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imported::ImportUnit;

    #[test]
    fn a_line_is_a_number_or_says_why_there_is_none() {
        let text = format!(
            "{NAMES}status,value,reason,display\n\
             2,\"Vulkan\",\"AMD\",\"RX 7900\",\"24.1\",\"bandwidth\",\"global_memory_bandwidth\",\"float4\",\"gbps\",\"ok\",812.5,\"\",\"\"\n\
             2,\"Vulkan\",\"AMD\",\"RX 7900\",\"24.1\",\"fp_compute\",\"double_precision\",\"double\",\"gflops\",\"unsupported\",,\"no fp64\",\"\"\n"
        );
        let import = read(&text).unwrap();
        let [one] = &import.measured[..] else { panic!("{import:?}") };
        assert!(fits(&text));
        assert_eq!((one.imported.value, one.imported.unit), (812.5e9, ImportUnit::ByteRate));
        assert_eq!((&*one.imported.name, &*one.device.name), ("global_memory_bandwidth float4", "RX 7900"));
        assert_eq!((&*one.device.api, &*one.device.driver_version), ("vulkan", "24.1"));
        assert_eq!(import.left_out[0].to_string(), "double_precision double: unsupported: no fp64");
        let error = read(&text.replace("812.5", "nan")).unwrap_err();
        assert!(error.starts_with("line 2, column `value`: NaN is not"), "{error}");
    }
}
