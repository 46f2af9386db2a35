//! Compression of buffers on a slow link: decided for each buffer by a sample, done as one stream over its parts.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{ZlibDecoder, ZlibEncoder};

use crate::frames::MAX_PAYLOAD;

/// How much of a buffer is tried, bytes.
const SAMPLE: usize = 192 << 10;

/// A buffer shorter than this is not worth a codec, bytes.
const SMALL: usize = 1 << 10;

/// A sample must shrink by so much.
const WORTH: f64 = 1.1;

/// How much is unpacked at once, bytes of packed data: a small part can unpack to very much.
const SLICE: usize = 1 << 10;

/// How a buffer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Raw,
    Zlib,
    Zstd,
}

impl Codec {
    /// The word on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Raw, Self::Zlib, Self::Zstd].into_iter().find(|codec| codec.as_str() == name)
    }

    /// The best codec that the other side can decode.
    pub(crate) fn best(offered: &[String]) -> Self {
        let offers = |codec: &Self| offered.iter().any(|name| name == codec.as_str());
        [Self::Zstd, Self::Zlib].into_iter().find(offers).unwrap_or(Self::Raw)
    }

    /// This codec if it is worth it for a buffer that begins with `part`, else `Raw`.
    pub(crate) fn if_worth(self, part: &[u8]) -> Self {
        if self == Self::Raw || part.len() < SMALL {
            return Self::Raw;
        }
        let start = part.len().saturating_sub(SAMPLE) / 2;
        let sample = &part[start..part.len().min(start + SAMPLE)];
        let packed = Packer::new(self).and_then(|mut packer| {
            packer.push(sample)?;
            packer.finish()
        });
        match packed {
            Ok(packed) if packed.len() as f64 * WORTH < sample.len() as f64 => self,
            _ => Self::Raw,
        }
    }
}

/// Packs one buffer.
pub(crate) enum Packer {
    Raw(Vec<u8>),
    Zlib(ZlibEncoder<Vec<u8>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Packer {
    pub(crate) fn new(codec: Codec) -> std::io::Result<Self> {
        Ok(match codec {
            Codec::Raw => Self::Raw(Vec::new()),
            Codec::Zlib => Self::Zlib(ZlibEncoder::new(Vec::new(), Compression::fast())),
            Codec::Zstd => Self::Zstd(Box::new(zstd::stream::write::Encoder::new(Vec::new(), 1)?)),
        })
    }

    /// Takes a part of the buffer.
    pub(crate) fn push(&mut self, part: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Raw(packed) => packed.write_all(part),
            Self::Zlib(encoder) => encoder.write_all(part),
            Self::Zstd(encoder) => encoder.write_all(part),
        }
    }

    /// Packed bytes for one frame, when there are enough.
    pub(crate) fn full_payload(&mut self) -> Option<Bytes> {
        let packed = match self {
            Self::Raw(packed) => packed,
            Self::Zlib(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        // More than one payload must be left, because the last one has to be known as the last.
        (packed.len() > MAX_PAYLOAD).then(|| {
            let rest = packed.split_off(MAX_PAYLOAD);
            Bytes::from(std::mem::replace(packed, rest))
        })
    }

    /// The packed bytes that are left.
    pub(crate) fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Raw(packed) => Ok(packed),
            Self::Zlib(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Unpacks one buffer.
pub(crate) struct Unpacker {
    decoder: Decoder,
    announced: u64,
    unpacked: u64,
}

enum Decoder {
    Raw(Vec<u8>),
    Zlib(ZlibDecoder<Vec<u8>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
}

impl Unpacker {
    /// For a buffer that was `announced` bytes long before it was packed.
    pub(crate) fn new(codec: Codec, announced: u64) -> std::io::Result<Self> {
        let decoder = match codec {
            Codec::Raw => Decoder::Raw(Vec::new()),
            Codec::Zlib => Decoder::Zlib(ZlibDecoder::new(Vec::new())),
            Codec::Zstd => Decoder::Zstd(Box::new(zstd::stream::write::Decoder::new(Vec::new())?)),
        };
        Ok(Self { decoder, announced, unpacked: 0 })
    }

    /// Takes a part, and hands on what it unpacks to.
    pub(crate) fn push(&mut self, part: &[u8], mut out: impl FnMut(Vec<u8>) -> std::io::Result<()>) -> std::io::Result<()> {
        for slice in part.chunks(SLICE) {
            self.decoder.write(slice)?;
            let unpacked = std::mem::take(self.decoder.output());
            self.count(unpacked.len())?;
            out(unpacked)?;
        }
        Ok(())
    }

    /// The rest, when the whole buffer has been unpacked.
    pub(crate) fn finish(mut self) -> std::io::Result<Vec<u8>> {
        self.decoder.flush()?;
        let rest = std::mem::take(self.decoder.output());
        self.count(rest.len())?;
        if self.unpacked == self.announced {
            return Ok(rest);
        }
        Err(wrong(format!("a buffer has {} of {} bytes", self.unpacked, self.announced)))
    }

    fn count(&mut self, length: usize) -> std::io::Result<()> {
        self.unpacked += length as u64;
        if self.unpacked > self.announced {
            return Err(wrong(format!("a buffer is longer than the {} bytes announced", self.announced)));
        }
        Ok(())
    }
}

impl Decoder {
    fn write(&mut self, slice: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Raw(output) => output.write_all(slice),
            Self::Zlib(decoder) => decoder.write_all(slice),
            Self::Zstd(decoder) => decoder.write_all(slice),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Raw(_) => Ok(()),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Zstd(decoder) => decoder.flush(),
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Raw(output) => output,
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

fn wrong(why: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(codec: Codec, data: &[u8], announced: u64) -> std::io::Result<Vec<u8>> {
        let mut packer = Packer::new(codec)?;
        packer.push(data)?;
        let packed = packer.finish()?;
        let mut unpacker = Unpacker::new(codec, announced)?;
        let mut unpacked = Vec::new();
        for part in packed.chunks(1000) {
            unpacker.push(part, |bytes| {
                unpacked.extend(bytes);
                Ok(())
            })?;
        }
        unpacked.extend(unpacker.finish()?);
        Ok(unpacked)
    }

    proptest! {
        #[test]
        fn every_codec_gives_back_what_it_took(data in proptest::collection::vec(0u8..4, 0..20_000)) {
            for codec in [Codec::Raw, Codec::Zlib, Codec::Zstd] {
                prop_assert_eq!(there_and_back(codec, &data, data.len() as u64).unwrap(), data.clone());
            }
        }

        #[test]
        fn garbage_is_an_error_or_the_announced_length(data in proptest::collection::vec(any::<u8>(), 0..2000), announced in 0u64..4000) {
            for codec in [Codec::Zlib, Codec::Zstd] {
                let mut unpacker = Unpacker::new(codec, announced).unwrap();
                let mut length = 0;
                let pushed = unpacker.push(&data, |bytes| { length += bytes.len(); Ok(()) });
                if let Ok(rest) = pushed.and_then(|()| unpacker.finish()) {
                    prop_assert_eq!((length + rest.len()) as u64, announced);
                }
            }
        }
    }

    #[test]
    fn longer_than_announced_is_refused_before_it_is_unpacked() {
        let zeros = vec![0; 64 << 20];
        for codec in [Codec::Zlib, Codec::Zstd] {
            let error = there_and_back(codec, &zeros, 1000).unwrap_err().to_string();
            assert!(error.contains("longer than the 1000 bytes"), "{error}");
        }
    }

    #[test]
    fn sample_decides() {
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(300_000)
        .collect();
        assert_eq!(Codec::Zstd.if_worth(&noise), Codec::Raw);
        assert_eq!(Codec::Zstd.if_worth(&vec![7; 300_000]), Codec::Zstd);
        assert_eq!(Codec::Zstd.if_worth(&[7; 100]), Codec::Raw);
    }
}
