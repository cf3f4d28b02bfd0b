//! The executor's side of the protocol: reads one request per line and writes one response per line.

use super::protocol::{Failure, Request, Response};
use std::io::{self, BufRead, Write};

/// The executor's side of the protocol: answers requests.
pub trait Service {
    /// Returns the response to one request. Every failure becomes a [`Response::Error`].
    fn handle(&mut self, request: Request) -> Response;

    /// Answers one request and writes the response to `writer`. Override this only to break the protocol on
    /// purpose, in tests.
    fn answer(&mut self, request: Request, writer: &mut dyn Write) -> io::Result<()> {
        write_response(&self.handle(request), writer)
    }
}

/// Writes one response as a line of JSON and flushes the writer.
pub fn write_response(response: &Response, writer: &mut dyn Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    writer.write_all(&line)?;
    writer.flush()
}

/// Answers requests until `bye` or the end of `reader`.
///
/// A line that is not a request is answered with an error, and reading continues. If the runner has closed
/// its end of the pipe, this returns without an error.
///
/// # Errors
/// Fails if `reader` or `writer` fails.
pub fn serve(service: &mut dyn Service, mut reader: impl BufRead, mut writer: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut bye = false;
        let answered = match serde_json::from_slice(&line) {
            Ok(request) => {
                bye = request == Request::Bye;
                service.answer(request, &mut writer)
            }
            Err(error) => {
                let reason = format!("not a request: {error}");
                write_response(&Response::Error { status: Failure::Failed, reason }, &mut writer)
            }
        };
        match answered {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            answered => answered?,
        }
        if bye {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every request with `done` and counts them.
    struct Yes(u32);

    impl Service for Yes {
        fn handle(&mut self, _: Request) -> Response {
            self.0 += 1;
            Response::Done
        }
    }

    fn served(input: &[u8]) -> (u32, Vec<Response>) {
        let (mut service, mut output) = (Yes(0), Vec::new());
        serve(&mut service, input, &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        (service.0, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn each_request_has_one_response_and_bye_is_the_last() {
        let poison = "{\"request\":\"poison\",\"handle\":1}\n";
        let input = [poison, "\n", poison, "{\"request\":\"bye\"}\n", poison].concat();
        assert_eq!(served(input.as_bytes()), (3, vec![Response::Done; 3]));
        assert_eq!(served(b""), (0, vec![]));
    }

    #[test]
    fn what_is_no_request_is_answered_and_survived() {
        let (handled, responses) = served(b"hello\n\xff\xfe\n{\"request\":\"dance\"}\n{\"request\":\"bye\"}");
        assert_eq!((handled, responses.len()), (1, 4));
        for response in &responses[..3] {
            let Response::Error { status: Failure::Failed, reason } = response else {
                panic!("{response:?}")
            };
            assert!(reason.starts_with("not a request: "), "{reason}");
        }
        assert_eq!(responses[3], Response::Done);
    }

    #[test]
    fn a_runner_that_has_gone_is_no_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        serve(&mut Yes(0), &b"{\"request\":\"bye\"}\n"[..], Gone).unwrap();
    }
}
