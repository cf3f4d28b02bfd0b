//! What is published of the executor protocol: the schema of its messages, the vectors of its generator,
//! the transcript of a conversation. `UPDATE_PROTOCOL=1` writes them anew.

use portamark_executors::protocol::{json_schema, poison};
use portamark_model::workload::generator::{Keys, mix};
use portamark_model::workload::{DType, Distribution, Inputs, Tensor};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn published(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/executor-protocol").join(name)
}

/// Compares `text` with the published file, or writes it.
fn holds(name: &str, text: &str) {
    let path = published(name);
    if std::env::var_os("UPDATE_PROTOCOL").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        stored == text,
        "{name} is not what the code says. Executors of others rely on it: what is new must be optional, and \
         a new meaning is a new version of the protocol. UPDATE_PROTOCOL=1 writes it anew."
    );
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn the_schema_is_that_of_the_messages() {
    holds("schema.json", &json_schema());
}

#[test]
fn the_vectors_are_those_of_the_generator() {
    let mut vectors = Vec::new();
    // 4-bit integers have scales in a tensor.
    let formats = DType::all().filter(|dtype| *dtype != DType::I4);
    for (dtype, dist) in formats.flat_map(|dtype| Distribution::ALL.map(|dist| (dtype, dist))) {
        for (seed, set, number, scale) in [(42, 0, 1, 0), (0xdead_beef, 3, 2, 2)] {
            let tensor = Tensor::input("x", number, dtype, 1 << 20).scaled(scale);
            let read = Inputs::new(seed, set).of(dist).reader(&tensor);
            let at = [0u64, 1, 2, 3, 4, 5, 6, 7, 1000, 65_537, (1 << 20) - 1];
            let values: Vec<f64> = at.iter().map(|index| read(*index)).collect();
            vectors.push(json!({
                "dtype": dtype, "dist": dist, "seed": seed, "set": set, "number": number, "scale": scale,
                "grid": tensor.grid, "elements": at, "values": values,
            }));
        }
    }
    let keys = Keys::new(42, 1);
    let hashes: Vec<u32> = (0..4).map(|index| keys.hash(index)).collect();
    let mixed = [0u32, 1, 2, 0xffff_ffff].map(|x| json!({"x": x, "mix": mix(x)}));
    let file = json!({
        "mix": mixed,
        "keys": {"seed": 42, "tensor": 1, "key1": keys.first, "key2": keys.second, "hashes": hashes},
        "poison": {"bits of 32": poison::BITS_32, "bits of 16": poison::BITS_16},
        "tensors": vectors,
    });
    holds("vectors.json", &pretty(&file));
}

/// What a machine says of itself and what it measures is another's tomorrow.
fn settled(line: &str) -> Value {
    let mut message: Value = serde_json::from_str(line).unwrap();
    if let Some(device) = message.pointer_mut("/devices/0") {
        device["id"] = "host/Some processor/1 thread".into();
        device["name"] = "Some processor".into();
        device["driver"] = "portamark".into();
        for limit in ["binding_bytes", "buffer_bytes", "memory_bytes"] {
            device["limits"][limit] = 16_000_000_000u64.into();
        }
    }
    if message.get("host_ns").is_some() {
        message["host_ns"] = 1150.into();
    }
    message
}

#[test]
fn the_transcript_is_a_conversation_with_the_host_executor() {
    let hello = r#"{"request":"hello","protocol":1}"#;
    let device = json!(talk(&[hello.to_string()])[0]);
    let id = device["devices"][0]["id"].as_str().unwrap().to_string();
    let tensor = |name: &str, role: &str, len: u32, number: u32| {
        json!({"name": name, "role": role, "dtype": "f32", "len": len, "number": number,
            "grid": {"limit": 8_388_607, "shift": 23}, "scale": 0})
    };
    let prepare = |device: &str| {
        json!({"request": "prepare", "device": device, "case": "gemm f32 m2 n2 k4 nn",
            "tensors": [tensor("a", "input", 8, 1), tensor("b", "input", 8, 2), tensor("c", "output", 4, 0)],
            "seed": 42, "dist": "uniform", "sets": 2, "memory_limit": 1_000_000})
        .to_string()
    };
    let rest = [
        r#"{"request":"poison","handle":1}"#,
        r#"{"request":"sample","handle":1,"k":3,"first_set":1}"#,
        r#"{"request":"read","handle":1,"set":0,"elements":[0,3]}"#,
        r#"{"request":"release","handle":1}"#,
        r#"{"request":"prepare","device":"host/Some processor/1 thread","case":"moe f32 e4 k2 t4 n64 d64 uniform","seed":42,"sets":1,"memory_limit":1000000}"#,
        r#"{"request":"dance"}"#,
        r#"{"request":"bye"}"#,
    ]
    .map(|line| line.replace("host/Some processor/1 thread", &id));
    let requests: Vec<String> = [hello.to_string(), prepare(&id)].into_iter().chain(rest).collect();
    let responses = talk(&requests);
    assert_eq!(responses.len(), requests.len());
    let mut text = String::new();
    for (request, response) in requests.iter().zip(&responses) {
        let request = request.replace(&id, "host/Some processor/1 thread");
        text.push_str(&format!("> {request}\n< {}\n", settled(&response.to_string())));
    }
    holds("transcript.txt", &text);
}

/// The answers to `requests`.
fn talk(requests: &[String]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portamark"))
        .args(["executor", "host", "--threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all((requests.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
