//! Frames: whatever is written is read back, and no bytes make the reader fail in another way than by an error.

use nbhoist_executor::frames::{Decoded, Frame, FrameError, FrameReader, MAX_HEADER, MAX_PAYLOAD, decode, encode};
use proptest::prelude::*;
use serde_json::Value;

fn frame() -> impl Strategy<Value = Frame> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
    ];
    let fields = proptest::collection::vec(("[a-mo-z]{1,8}", value), 0..6);
    let payload = proptest::collection::vec(any::<u8>(), 0..300);
    ("[a-z_]{1,12}", fields, payload).prop_map(|(op, fields, payload)| {
        let frame = fields.into_iter().filter(|(key, _)| key != "op").fold(Frame::new(&op), |frame, (key, value)| frame.with(&key, value));
        frame.with_payload(payload)
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #[test]
    fn encoded_frame_decodes_to_itself(frame in frame(), rest in proptest::collection::vec(any::<u8>(), 0..20)) {
        let bytes = encode(&frame).unwrap();
        let with_rest = [bytes.clone(), rest].concat();
        prop_assert_eq!(decode(&with_rest).unwrap(), Decoded::Frame(frame, bytes.len()));
    }

    #[test]
    fn every_beginning_of_a_frame_asks_for_more(frame in frame(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&frame).unwrap();
        let cut = cut.index(bytes.len());
        match decode(&bytes[..cut]).unwrap() {
            Decoded::Need(need) => prop_assert!(need > cut && need <= bytes.len()),
            Decoded::Frame(..) => prop_assert!(false, "a part of a frame was taken for one"),
        }
    }

    #[test]
    fn reader_gives_all_frames_then_the_end(frames in proptest::collection::vec(frame(), 0..6)) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| encode(frame).unwrap()).collect();
        let read = runtime().block_on(async {
            let mut reader = FrameReader::new(bytes.as_slice());
            let mut read = Vec::new();
            while let Some(frame) = reader.next().await.unwrap() {
                read.push(frame);
            }
            read
        });
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn cut_stream_is_told_from_an_ended_one(frame in frame(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&frame).unwrap();
        let cut = cut.index(bytes.len());
        let read = runtime().block_on(FrameReader::new(&bytes[..cut]).next());
        match read {
            Ok(None) => prop_assert_eq!(cut, 0),
            Err(FrameError::Truncated { missing }) => prop_assert!(cut > 0 && missing > 0),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Decoded::Frame(frame, length)) = decode(&bytes) {
            prop_assert!(length <= bytes.len());
            prop_assert!(!frame.op().is_empty());
        }
    }

    #[test]
    fn garbage_in_a_header_is_an_error_or_a_frame(header in "\\PC{0,60}", payload in proptest::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(&payload);
        match decode(&bytes) {
            Err(FrameError::BadHeader { .. } | FrameError::PayloadTooLong { .. }) | Ok(_) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn login_banner_is_shown_in_the_error() {
    let error = decode(b"Welcome to big.example.org!\n").unwrap_err();
    assert!(matches!(&error, FrameError::HeaderTooLong { preview, .. } if preview.starts_with("Welcome to big")), "{error}");
}

#[test]
fn limits_hold_in_both_directions() {
    let long = Frame::new("buffer").with_payload(vec![0; MAX_PAYLOAD + 1]);
    assert!(matches!(encode(&long), Err(FrameError::PayloadTooLong { .. })));
    let header = format!("{{\"op\":\"buffer\",\"n\":{}}}", MAX_PAYLOAD + 1);
    let bytes = [&u32::try_from(header.len()).unwrap().to_be_bytes()[..], header.as_bytes()].concat();
    assert!(matches!(decode(&bytes), Err(FrameError::PayloadTooLong { .. })));
    let bytes = u32::try_from(MAX_HEADER + 1).unwrap().to_be_bytes();
    assert!(matches!(decode(&bytes), Err(FrameError::HeaderTooLong { .. })));
}

#[test]
fn header_must_be_an_object_with_an_op_and_a_length() {
    for header in ["", "[]", "{}", "{\"op\":1}", "{\"op\":\"x\",\"n\":-1}", "{\"op\":\"x\",\"n\":1.5}", "{\"op\":\"\"}", "\u{0}"] {
        let bytes = [&u32::try_from(header.len()).unwrap().to_be_bytes()[..], header.as_bytes()].concat();
        assert!(matches!(decode(&bytes), Err(FrameError::BadHeader { .. })), "{header}");
    }
}
