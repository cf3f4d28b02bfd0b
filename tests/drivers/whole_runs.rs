//! The program on real drivers: a kernel edited to be wrong, a kernel of the user's own, and tuning.
//!
//! As for `tests/drivers/every_variant.rs`, `./test` runs this once for each software driver.

use crate::shares::Shares;
use crate::start::start;
use std::fs;
use std::path::Path;

/// Copies a folder of text files.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_run_with_an_edited_kernel_records_it_as_wrong_and_the_others_as_ok() {
    if start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kernels = folder.path().join("kernels");
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels"), &kernels);
    let file = kernels.join("stream/stream.wgsl");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("y[i] = a[i] + b[i];"));
    fs::write(&file, text.replace("y[i] = a[i] + b[i];", "y[i] = a[i] - b[i];")).unwrap();
    // Too large for caches, which poisoning disturbs: a small one looks as if it skipped work on a busy machine.
    let suite = "[[case]]\nkey = 'stream f32 copy n4194304'\n[[case]]\nkey = 'stream f32 add n65536'\n";
    fs::write(folder.path().join("two.toml"), suite).unwrap();
    let arguments = ["run", "two.toml", "-d", "0", "--kernels", "kernels", "-o", "results"];
    let output = portamark(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let runs = portamark_results::load_all(&[folder.path().join("results")]).unwrap();
    let rows = &runs[0].rows;
    let statuses: Vec<_> = rows.iter().map(|row| row.status.to_string()).collect();
    assert_eq!(statuses, ["ok", "wrong"]);
    assert!(rows[0].byte_rate().is_some());
    assert!(rows[1].byte_rate().is_none() && rows[1].timing.is_none());
}

/// `portamark` in a folder of its own.
fn portamark(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portamark"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

#[test]
fn the_example_of_an_own_kernel_is_right_and_measured_beside_the_built_in_one() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own_gemm.wgsl")).unwrap();
    fs::write(folder.path().join("mine.wgsl"), text.replace("m512 n512 k512", "m65 n33 k17")).unwrap();
    fs::write(folder.path().join("broken.wgsl"), text.replace("sum +=", "sum =")).unwrap();
    let arguments = ["run", "--kernel", "mine.wgsl", "-k", "m65", "-o", "results", "--untuned"];
    let output = portamark(folder.path(), &arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("own/mine checked on") && said.contains("times the speed of"), "{said}");
    let runs = portamark_results::load_all(&[folder.path().join("results")]).unwrap();
    let kernels: Vec<_> =
        runs[0].rows.iter().map(|row| row.kernel.as_ref().unwrap().variant.kernel.clone()).collect();
    assert_eq!((kernels.len(), kernels[1].as_str()), (2, "own/mine"));
    let output = portamark(
        folder.path(),
        &["run", "--kernel", "broken.wgsl", "-k", "m512 n512 k512 nn", "-o", "wrong"],
    );
    assert_eq!(output.status.code(), Some(1));
    let runs = portamark_results::load_all(&[folder.path().join("wrong")]).unwrap();
    assert_eq!(runs[0].rows[1].status.to_string(), "wrong");
}

#[test]
fn a_case_is_tuned_and_a_run_uses_what_was_found() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.toml"), "[[case]]\nkey = 'gemm f32 m96 n96 k96 nn'\n").unwrap();
    let output = portamark(folder.path(), &["tune", "one.toml", "--budget", "8s", "-o", "results"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("gemm f32 m2^7 n2^7 k2^7 nn align16"), "{said}");
    let output = portamark(folder.path(), &["run", "one.toml", "-o", "results"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let runs = portamark_results::load_all(&[folder.path().join("results")]).unwrap();
    let kernel = runs[0].rows[0].kernel.as_ref().unwrap();
    assert!(kernel.tuned, "{kernel:?}");
}

#[test]
fn sides_of_a_comparison_may_differ_by_driver_variant_kernel_texts_and_program() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.toml"), "[[case]]\nkey = 'stream f32 copy n65536'\n").unwrap();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels"), &folder.path().join("kernels"));
    let file = folder.path().join("kernels/stream/stream.wgsl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "\n// Another text of the same work.\n").unwrap();
    let compare = |name: &str, a: &str, b: &str| {
        let sides = ["run", "one.toml", "--ab", a, "--ab", b, "--repeats", "1", "--max-time", "300ms"];
        let output = portamark(folder.path(), &[&sides[..], &["-o", name]].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("unclear"), "one process is not enough: {said}");
        let mut files = portamark_results::load_all(&[folder.path().join(name)]).unwrap();
        files.sort_by_key(|file| file.header.ab.as_ref().map(|ab| ab.side.clone()));
        let [a, b] = <[_; 2]>::try_from(files).expect("a file for each side");
        let row = |file: &portamark_results::RunFile| {
            let row = &file.rows[0];
            assert_eq!(row.status.to_string(), "ok", "{name}: {row:?}");
            let kernel = row.kernel.clone().unwrap();
            (kernel.variant.to_string(), kernel.sha256)
        };
        (row(&a), row(&b))
    };
    let (a, b) = compare("by-variant", "variant=per64", "variant=per16");
    assert!(a.0.contains("per64") && b.0.contains("per16"), "{a:?} {b:?}");
    let (a, b) = compare("by-kernels", "device=0", "kernels=kernels");
    assert!(a.0 == b.0 && a.1 != b.1, "the same variant of another text: {a:?} {b:?}");
    let (a, b) = compare("by-binary", "device=0", concat!("binary=", env!("CARGO_BIN_EXE_portamark")));
    assert_eq!(a, b);
    // Where one driver is selected, it can be named.
    if let Some(manifest) = std::env::var_os("VK_DRIVER_FILES").filter(|path| Path::new(path).is_file()) {
        let icd = format!("icd={}", manifest.display());
        let (a, b) = compare("by-driver", &icd, &icd);
        assert_eq!(a, b);
    }
}

#[test]
fn repeats_are_processes_of_their_own_and_each_has_its_row() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.toml"), "[[case]]\nkey = 'stream f32 copy n65536'\n").unwrap();
    let output = portamark(
        folder.path(),
        &["run", "one.toml", "-o", "results", "--repeats", "3", "--max-time", "600ms"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let runs = portamark_results::load_all(&[folder.path().join("results")]).unwrap();
    let rows: Vec<_> = runs[0].rows.iter().map(|row| (row.repeat, row.status.to_string())).collect();
    assert_eq!(rows, [1, 2, 3].map(|repeat| (repeat, "ok".to_string())));
}
