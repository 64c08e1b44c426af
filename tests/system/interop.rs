//! A client that shares no code with us.

use std::process::Command;

use crate::world;

#[test]
#[ignore = "needs Python with the packages of tests/interop/requirements.txt: \
            `python3 -m venv V && V/bin/pip install -r tests/interop/requirements.txt`, \
            then PANSORI_PYTHON=V/bin/python"]
fn a_python_acquirer_is_served() {
    let python = std::env::var_os("PANSORI_PYTHON").expect("PANSORI_PYTHON names an interpreter");
    let world = world();
    let (host, port) = world.van.split_once(':').unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/client.py");
    let output = Command::new(python)
        .args([script, host, port])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
