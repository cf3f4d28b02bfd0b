//! The executor's side of the protocol: one request in, one response out.

use super::protocol::{Failure, Request, Response};
use std::io::{self, BufRead, Write};

/// Anything that answers requests inside an executor process.
pub trait Service {
    /// Answers one request. Must not panic: a panic ends the process and costs a row.
    fn handle(&mut self, request: Request) -> Response;
}

/// Answers requests from `reader` on `writer` until `bye` or the end of the input.
pub fn serve(service: &mut dyn Service, reader: impl BufRead, mut writer: impl Write) -> io::Result<()> {
    for line in reader.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let (response, end) = match serde_json::from_str::<Request>(&line) {
            Ok(Request::Bye) => (Response::Done, true),
            Ok(request) => (service.handle(request), false),
            Err(error) => {
                let reason = format!("not a request: {error}");
                (Response::Error { status: Failure::Failed, reason }, false)
            }
        };
        let mut text = serde_json::to_string(&response)?;
        text.push('\n');
        writer.write_all(text.as_bytes())?;
        writer.flush()?;
        if end {
            break;
        }
    }
    Ok(())
}
