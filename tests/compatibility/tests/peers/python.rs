//! The peers in Python, as processes.

use crate::peer::{Client, Order, Server, Setup};
use gapless_compatibility::{Answer, Key, LiveBatch, NextSequence, Question};
use gapless_tests::{DataDir, generate_python, python, repository};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A program that is told things by lines of JSON and answers each by one.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _modules: DataDir,
}

impl Program {
    fn start(script: &str, arguments: &[&str]) -> Option<Program> {
        let python = python()?;
        let modules = DataDir::new();
        generate_python(&python, "schemas/v1/gapless.fbs", modules.path());
        let script = repository().join("tests/compatibility/python").join(script);
        let mut command = Command::new(python);
        command.arg(script).args(arguments).env("PYTHONPATH", modules.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Program { child, input, output, _modules: modules })
    }

    fn read<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn tell<T: DeserializeOwned>(&mut self, line: &Value) -> T {
        writeln!(self.input, "{line}").unwrap();
        self.read()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn client(live: &str, replies: &str, key: &Key) -> Option<Box<dyn Client>> {
    let program = Program::start("old_client.py", &[live, replies, &key.source, &key.symbol, &key.interval])?;
    Some(Box::new(OldClient(program)))
}

struct OldClient(Program);

impl Client for OldClient {
    fn put(&mut self, question: &Question) -> Answer {
        self.0.tell(&serde_json::to_value(question).unwrap())
    }

    fn subscribe(&mut self, prefix: &str) {
        for line in [
            json!({"subscribe": prefix}),
            json!({"subscribe": "watermarks"}),
            json!({"await": "watermarks"}),
            json!({"unsubscribe": "watermarks"}),
        ] {
            let _: Value = self.0.tell(&line);
        }
    }

    fn next(&mut self) -> LiveBatch {
        self.0.tell(&json!({"next": true}))
    }
}

pub(crate) fn server(setup: &Setup) -> Option<Box<dyn Server>> {
    let Setup { key, next, history, live, replies } = setup;
    let next = match next {
        NextSequence::LastReturned => "last_returned",
        NextSequence::FirstNotReturned => "first_not_returned",
    };
    let history = history.to_string();
    // libzmq takes `*` for any port.
    let (live, replies) = (live.replace(":0", ":*"), replies.replace(":0", ":*"));
    let arguments = [&live, &replies, next, &history, &key.source, &key.symbol, &key.interval];
    let mut program = Program::start("old_server.py", &arguments)?;
    let bound: Value = program.read();
    let address = |name: &str| bound[name].as_str().unwrap().to_owned();
    Some(Box::new(OldServer { live: address("live"), replies: address("replies"), program }))
}

struct OldServer {
    program: Program,
    live: String,
    replies: String,
}

impl Server for OldServer {
    fn order(&mut self, order: Order) -> u64 {
        self.program.tell(&serde_json::to_value(order).unwrap())
    }

    fn live(&self) -> String {
        self.live.clone()
    }

    fn replies(&self) -> String {
        self.replies.clone()
    }
}
