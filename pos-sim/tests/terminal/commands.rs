//! The commands as a shop's script would call them.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::host::{Host, approve, decline, silence};

const TRACK2: &str = "9999990100000005=30121010000000000000";

struct Shop {
    folder: tempfile::TempDir,
    host: String,
}

impl Shop {
    fn new(host: &Host) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            host: host.address.to_string(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-sim"));
        command
            .args(["--host", &self.host, "--timeout", "1", "--state"])
            .arg(self.folder.path().join("state.json"))
            .args(arguments)
            .env_remove("POS_PIN");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn exit_status_tells_approved_declined_unknown_and_wrong_usage() {
    let host = Host::new(vec![approve, decline, silence, silence, approve]).await;
    let shop = Shop::new(&host);
    let sale = [
        "sale", "--amount", "15000", "--swipe", TRACK2, "--pin", "1234",
    ];
    for (arguments, status) in [
        (&sale[..], 0),
        (&sale, 1),
        (&sale, 2),
        (&["reversals"], 0),
        (&sale[..5], 3),
        (&["sale", "--amount", "0"], 3),
        (&["balance", "--pan", "99"], 3),
        (&["cancel", "--rrn", "1", "--swipe", TRACK2], 3),
        (&["--help"], 0),
    ] {
        let output = shop.run(arguments).await;
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("9999990100000005"), "{said}");
    }
}

#[tokio::test]
async fn the_prompt_asks_for_the_card_password_and_shows_the_day() {
    let mut host = Host::new(vec![approve, decline]).await;
    let shop = Shop::new(&host);
    let mut prompt = shop
        .command(&["prompt"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let typed = format!(
        "help\nsale --amount 15000 --swipe {TRACK2}\n1234\n\
         sale --amount 700 --pan 9999990100000005 --expiry 3012\nnonsense\nhistory\nquit\n"
    );
    let mut stdin = prompt.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).await.unwrap();
    drop(stdin);
    let output = prompt.wait_with_output().await.unwrap();
    let said = text(&output.stdout);
    for words in [
        "A command a line\n\nUsage: <COMMAND>",
        "card password: ",
        "APPROVED",
        "DECLINED (51)",
        "unrecognized subcommand 'nonsense'",
        "15000  00  A12345  approved",
        "700  51  ------  declined",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert!(output.status.success());
    assert_eq!(host.mtis(), ["0200", "0200"]);
}
