//! The codec by itself: decode, encode, answer, frame.
//!
//! `same` is one message again and again, which a branch predictor learns by heart; `varied`
//! takes turns among 256.

use std::hint::black_box;
use std::time::Duration;

use benches::{CpuTime, framer};
use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput};
use iso8583::element::ResponseCode;
use iso8583::frame::FrameError;
use iso8583::{Dialect, EncodeError, Message};

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let sets = [
        ("same", vec![benches::purchase()?]),
        ("varied", benches::varied()?),
    ];
    for (name, messages) in &sets {
        for dialect in benches::dialects() {
            decode(&mut criterion, name, dialect, messages)?;
            encode(&mut criterion, name, dialect, messages);
        }
        response(&mut criterion, name, messages);
    }
    framing(
        &mut criterion,
        &wire(Dialect::iso87_ascii(), &benches::purchase()?)?,
    );
    criterion.final_summary();
    Ok(())
}

fn decode(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    dialect: &Dialect,
    messages: &[Message],
) -> Result<(), EncodeError> {
    let wires = messages
        .iter()
        .map(|message| wire(dialect, message))
        .collect::<Result<Vec<Bytes>, EncodeError>>()?;
    let mut turns = wires.iter().cycle();
    criterion.bench_function(&format!("decode/{}/{name}", dialect.name()), |bencher| {
        bencher.iter(|| turns.next().map(|wire| dialect.decode(black_box(wire))));
    });
    Ok(())
}

fn encode(criterion: &mut Criterion<CpuTime>, name: &str, dialect: &Dialect, messages: &[Message]) {
    let mut turns = messages.iter().cycle();
    let mut out = BytesMut::with_capacity(1_024);
    criterion.bench_function(&format!("encode/{}/{name}", dialect.name()), |bencher| {
        bencher.iter(|| {
            out.clear();
            turns
                .next()
                .map(|message| dialect.encode(black_box(message), &mut out))
        });
    });
}

fn response(criterion: &mut Criterion<CpuTime>, name: &str, messages: &[Message]) {
    let mut turns = messages.iter().cycle();
    criterion.bench_function(&format!("response/{name}"), |bencher| {
        bencher.iter(|| {
            turns
                .next()
                .map(|message| black_box(message).response(ResponseCode::APPROVED))
        });
    });
}

/// A frame written around a body at hand, and one cut off a stream that holds 64: both a frame.
fn framing(criterion: &mut Criterion<CpuTime>, body: &Bytes) {
    const FRAMES: usize = 64;
    let framer = framer();
    let mut out = BytesMut::with_capacity(1_024);
    let mut group = criterion.benchmark_group("frame");
    let mut write = move || {
        out.clear();
        framer
            .encode::<FrameError>(None, &mut out, |out| {
                out.extend_from_slice(black_box(body));
                Ok(())
            })
            .map(|()| out.len())
    };
    group.bench_function("write", |bencher| bencher.iter(&mut write));

    let mut stream = BytesMut::new();
    for _ in 0..FRAMES {
        let framed = framer.encode::<FrameError>(None, &mut stream, |out| {
            out.extend_from_slice(body);
            Ok(())
        });
        assert_eq!(framed, Ok(()));
    }
    group.throughput(Throughput::Elements(64));
    group.bench_function("cut-64", |bencher| {
        bencher.iter_batched_ref(
            || BytesMut::from(&stream[..]),
            |stream| {
                while let Ok(Some(frame)) = framer.decode(stream) {
                    black_box(frame);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn wire(dialect: &Dialect, message: &Message) -> Result<Bytes, EncodeError> {
    let mut wire = BytesMut::new();
    dialect.encode(message, &mut wire)?;
    Ok(wire.freeze())
}
