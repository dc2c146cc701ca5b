//! The pictures: they decode, something is on them, and the same outcome gives the same bytes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use crate::sample;

/// Width and colours of a picture.
fn decode(path: &Path) -> (u32, BTreeSet<[u8; 3]>) {
    let mut reader =
        png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (info.width, pixels.as_chunks::<3>().0.iter().copied().collect())
}

#[test]
fn all_charts_decode_and_show_something() {
    let folder = tempfile::tempdir().unwrap();
    let files = reports::plots::draw_all(&sample::outcome(), folder.path()).unwrap();
    assert_eq!(files.len(), 7);
    for file in files {
        let (width, colours) = decode(&folder.path().join(file));
        assert_eq!(width, 1600);
        // Shades of smoothed text, so text was drawn though no font is installed.
        assert!(colours.len() > 30, "{file}: {} colours", colours.len());
    }
}

#[test]
fn the_same_outcome_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = folders.each_ref().map(|folder| {
        let files = reports::plots::draw_all(&sample::outcome(), folder.path()).unwrap();
        files.into_iter().map(|f| fs::read(folder.path().join(f)).unwrap()).collect::<Vec<_>>()
    });
    assert!(one == two);
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error() {
    let error =
        reports::plots::draw_all(&sample::outcome(), Path::new("/nonexistent/folder")).unwrap_err();
    assert!(error.to_string().contains("token-split.png"), "{error}");
}
