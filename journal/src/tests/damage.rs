use super::{Records, open, open_with, record, settings, write};
use crate::testing::SimDisk;
use crate::{Damage, OpenError, Position, Settings};

/// Records of growing length, each a block, synced after each or never; what a disk then holds.
fn written(records: usize, synced: Synced) -> (SimDisk, Records) {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let written = (0..records).map(|number| {
        let record = record(number, 10 * number);
        let position = write(&mut journal, &record);
        if synced == Synced::Each {
            journal.syncer().sync().unwrap();
        }
        (position, record)
    });
    let written = written.collect();
    drop(journal);
    (disk, written)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Synced {
    Each,
    Never,
}

/// A disk of its own with these files.
fn disk_of(files: &[(String, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    for (name, bytes) in files {
        disk.put(name, bytes);
    }
    disk
}

fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.names().into_iter();
    names
        .map(|name| (name.clone(), disk.content(&name)))
        .collect()
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_back_to_the_last_whole_block() {
    // 40 bytes of head and 4 of length for each record; all in one segment.
    for synced in [Synced::Each, Synced::Never] {
        let (disk, records) = written(8, synced);
        let files = files(&disk);
        let (name, whole) = &files[0];
        assert_eq!(files.len(), 1, "all positions are offsets");
        let ends: Vec<usize> = records
            .iter()
            .map(|(end, _)| usize::try_from(end.bytes()).unwrap())
            .collect();
        for length in ends[4]..ends[7] {
            for zeros in [0, 500] {
                let mut torn = whole[..length].to_vec();
                torn.resize(length + zeros, 0);
                let disk = disk_of(&[(name.clone(), torn)]);
                let (_, recovered, found) = open(&disk).unwrap();
                let kept = ends.iter().filter(|end| **end <= length).count();
                assert_eq!(found, records[..kept], "{length}");
                let end = ends[kept - 1];
                let used = whole[end..length].iter().rposition(|byte| *byte != 0);
                assert_eq!(recovered.cut_bytes, bytes(used.map_or(0, |last| last + 1)));
                assert_eq!(recovered.end, Position::new(bytes(end)));
                let (_, again, found) = open(&disk).unwrap();
                assert_eq!((again.cut_bytes, found), (0, records[..kept].to_vec()));
            }
        }
    }
}

/// Either the records before the flip, or a refusal that names the block that was hit; never
/// anything else than what was written.
fn flipped(files: &[(String, Vec<u8>)], records: &Records, file: usize, bit: usize) -> Outcome {
    let mut files = files.to_vec();
    files[file].1[bit / 8] ^= 1 << (bit % 8);
    let disk = disk_of(&files);
    match open(&disk) {
        Ok((_, _, found)) => {
            assert_eq!(
                found,
                records[..found.len()],
                "bit {bit} of {}",
                files[file].0
            );
            Outcome::Kept(found.len())
        }
        Err(OpenError::Damaged { path, offset, .. }) => {
            let after: Vec<_> = files.iter().map(|(name, _)| disk.content(name)).collect();
            let left: Vec<_> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
            assert_eq!(after, left, "not touched");
            assert!(
                path.ends_with(&files[file].0),
                "{} for bit {bit}",
                path.display()
            );
            Outcome::Refused(offset)
        }
        Err(error) => panic!("bit {bit}: {error}"),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Kept(usize),
    Refused(u64),
}

/// Where each header and block of a segment begins, and where the last ends.
fn places(file: &(String, Vec<u8>)) -> Vec<usize> {
    let mut places = vec![0, 64];
    let mut at = 64;
    while file.1.get(at..at + 4) == Some(b"BLCK".as_slice()) {
        let length = u32::from_le_bytes(file.1[at + 4..at + 8].try_into().unwrap());
        at += 40 + usize::try_from(length).unwrap();
        places.push(at);
    }
    places
}

#[test]
fn every_flipped_bit_of_what_was_durable_is_refused_with_its_block() {
    let (disk, records) = written(18, Synced::Each);
    drop(open(&disk).unwrap()); // ends with a seal, which says that all is durable
    let files = files(&disk);
    assert_eq!(files.len(), 3, "a first, a middle and a last segment");
    for (file, content) in files.iter().enumerate() {
        let places = places(content);
        let end = *places.last().unwrap();
        let seal = if file == 2 { end - 40 } else { end };
        for bit in 0..content.1.len() * 8 {
            let outcome = flipped(&files, &records, file, bit);
            let begin = places.iter().rfind(|place| **place <= bit / 8).unwrap();
            // Behind the blocks, or in the last seal, which nothing vouches for.
            if bit / 8 >= seal {
                assert_eq!(
                    outcome,
                    Outcome::Kept(18),
                    "bit {bit} of what means nothing"
                );
            } else {
                assert_eq!(outcome, Outcome::Refused(bytes(*begin)), "bit {bit}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_what_was_never_durable_cuts_there() {
    let (disk, records) = written(18, Synced::Never);
    let files = files(&disk);
    for (file, content) in files.iter().enumerate() {
        let base: usize = content.0[..20].parse().unwrap();
        let places = places(content);
        for bit in 0..places.last().unwrap() * 8 {
            let outcome = flipped(&files, &records, file, bit);
            let position = bytes(base + bit / 8);
            let whole = records.iter().filter(|(end, _)| end.bytes() <= position);
            // The header of the first segment and the seal behind it were synced at the opening.
            let expected = match position {
                0..64 => Outcome::Refused(0),
                64..104 => Outcome::Refused(64),
                _ => Outcome::Kept(whole.count()),
            };
            assert_eq!(outcome, expected, "bit {bit} of {}", content.0);
        }
    }
}

#[test]
fn a_closed_journal_tells_damage_of_its_last_block_from_a_torn_tail() {
    for close in [true, false] {
        let disk = SimDisk::new(1);
        let (mut journal, _, _) = open(&disk).unwrap();
        let position = write(&mut journal, b"the last one");
        journal.syncer().sync().unwrap();
        if close {
            journal.close().unwrap();
        } else {
            drop(journal);
        }
        let mut files = files(&disk);
        let at = usize::try_from(position.bytes()).unwrap() - 1;
        files[0].1[at] ^= 1;
        let opened = open(&disk_of(&files));
        let refused = matches!(
            &opened,
            Err(OpenError::Damaged {
                reason: Damage::Broken,
                ..
            })
        );
        assert_eq!(refused, close, "{opened:?}");
    }
}

#[test]
fn a_missing_segment_is_refused_with_the_place_where_it_was() {
    let (disk, _) = written(18, Synced::Each);
    drop(open(&disk).unwrap());
    let files = files(&disk);
    let without = |gone: usize| {
        let mut files = files.clone();
        files.remove(gone);
        open(&disk_of(&files)).unwrap_err().to_string()
    };
    assert_eq!(
        without(0),
        format!(
            "sim/{} is damaged at byte 0: segments before this one are missing",
            files[1].0
        )
    );
    let end = places(&files[0]).last().copied().unwrap();
    assert_eq!(
        without(1),
        format!(
            "sim/{} is damaged at byte {end}: what followed there is missing, \
             and a later segment says that it was durable",
            files[0].0
        )
    );
}

#[test]
fn a_block_of_another_place_or_another_journal_is_not_taken() {
    let (disk, records) = written(6, Synced::Never);
    let files = files(&disk);
    let (name, whole) = &files[0];
    let places = places(&files[0]);
    // Blocks 1 and 2 (0 is the seal of the beginning) in place of 2 and 3.
    let mut misplaced = whole[..places[3]].to_vec();
    misplaced.extend_from_slice(&whole[places[2]..places[3]]);
    let disk = disk_of(&[(name.clone(), misplaced)]);
    assert_eq!(open(&disk).unwrap().2, records[..1]);
    // The same places and lengths, other content before it.
    let other = SimDisk::new(1);
    let (mut journal, _, _) = open(&other).unwrap();
    for number in 0..6 {
        write(&mut journal, &record(number + 100, 10 * number));
    }
    drop(journal);
    let mut spliced = whole[..places[4]].to_vec();
    spliced.extend_from_slice(&other.content(name)[places[4]..]);
    let disk = disk_of(&[(name.clone(), spliced)]);
    assert_eq!(open(&disk).unwrap().2, records[..2]);
}

#[test]
fn a_segment_of_another_journal_is_not_taken() {
    for synced in [Synced::Each, Synced::Never] {
        let (disk, records) = written(18, synced);
        let other = SimDisk::new(1);
        let (mut journal, _, _) = open(&other).unwrap();
        for number in 0..18 {
            write(&mut journal, &record(number + 100, 10 * number));
            if synced == Synced::Each {
                journal.syncer().sync().unwrap();
            }
        }
        drop(journal);
        let mut mixed = files(&disk);
        mixed.splice(1.., files(&other).into_iter().skip(1));
        let opened = open(&disk_of(&mixed));
        if synced == Synced::Each {
            let says = "is damaged at byte 0: what is there does not follow the block before it";
            assert_eq!(
                opened.unwrap_err().to_string(),
                format!("sim/{} {says}", mixed[1].0)
            );
        } else {
            let found = opened.unwrap().2;
            assert!((5..18).contains(&found.len()));
            assert_eq!(found, records[..found.len()]);
        }
    }
}

/// What a record holds is nobody's business: even a whole block bears no witness.
#[test]
fn a_block_within_a_record_says_nothing_about_the_journal() {
    let (other, records) = written(6, Synced::Each);
    let at = |place: usize| usize::try_from(records[place].0.bytes()).unwrap();
    let block = &files(&other)[0].1[at(4)..at(5)];
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    let kept = write(&mut journal, b"kept");
    write(&mut journal, block);
    drop(journal);
    let (name, mut bytes) = files(&disk).remove(0);
    bytes[usize::try_from(kept.bytes()).unwrap()] ^= 1;
    let (_, _, found) = open(&disk_of(&[(name, bytes)])).unwrap();
    assert_eq!(found, [(kept, b"kept".to_vec())]);
}

#[test]
fn a_segment_under_another_name_stops_the_start() {
    let (disk, _) = written(3, Synced::Never);
    let content = files(&disk).remove(0).1;
    let opened = open(&disk_of(&[(
        "00000000000000000007.journal".to_owned(),
        content,
    )]));
    let reason = Damage::OutOfChain;
    assert!(
        matches!(&opened, Err(OpenError::Damaged { reason: found, .. }) if *found == reason),
        "{opened:?}"
    );
}

#[test]
fn another_identity_and_a_later_version_are_refused() {
    let (disk, _) = written(3, Synced::Each);
    let other = Settings {
        identity: [0; 16],
        ..settings()
    };
    let opened = open_with(&disk, other);
    assert!(matches!(opened, Err(OpenError::OtherIdentity { .. })));
    let (name, mut content) = files(&disk).remove(0);
    content[8] = 2;
    let crc = crc32c::crc32c(&content[..60]);
    content[60..64].copy_from_slice(&crc.to_le_bytes());
    let error = open(&disk_of(&[(name.clone(), content)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("sim/{name} is of format version 2, which this program does not know")
    );
}

#[test]
fn a_record_the_reader_refuses_stops_the_start_at_its_block() {
    let (disk, records) = written(3, Synced::Each);
    let refuse_second = |position: Position, _: &[u8]| {
        if position == records[1].0 {
            Err("no such link")
        } else {
            Ok(())
        }
    };
    let opened = crate::Journal::open(disk, settings(), |_| {}, refuse_second);
    let says = format!(
        "sim/00000000000000000000.journal is damaged at byte {}: \
         a record in the block there is refused: no such link",
        records[0].0
    );
    assert_eq!(opened.unwrap_err().to_string(), says);
}

/// The layout, byte by byte, as `FORMAT.md` has it.
#[test]
fn the_bytes_are_those_of_the_format() {
    let disk = SimDisk::new(1);
    let (mut journal, _, _) = open(&disk).unwrap();
    write(&mut journal, b"abc");
    drop(journal);
    let segment = disk.content("00000000000000000000.journal");
    let mut header = b"PANSORIS\x01\0\0\0\0\0\0\0identity of this".to_vec();
    header.extend([0; 8 + 8 + 8 + 4]);
    assert_eq!(segment[..60], header);
    let header_crc = &segment[60..64];
    assert_eq!(header_crc, crc32c::crc32c(&header).to_le_bytes());
    let seal = [
        b"BLCK\0\0\0\0",
        64_u64.to_le_bytes().as_slice(),
        &[0; 16],
        header_crc,
    ]
    .concat();
    assert_eq!(segment[64..100], seal);
    let seal_crc = &segment[100..104];
    assert_eq!(seal_crc, crc32c::crc32c(&seal).to_le_bytes());
    let head = [
        b"BLCK\x07\0\0\0".as_slice(),
        &104_u64.to_le_bytes(),
        &104_u64.to_le_bytes(),
        &[0; 8],
        seal_crc,
    ];
    let head = head.concat();
    assert_eq!(segment[104..140], head);
    let records = b"\x03\0\0\0abc";
    let crc = crc32c::crc32c(&[head.as_slice(), records].concat());
    assert_eq!(segment[140..144], crc.to_le_bytes());
    assert_eq!(segment[144..151], *records);
    assert_eq!(segment[151..], [0; 1_024 - 151]);
}
