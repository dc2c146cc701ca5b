//! The result folder: complete or absent, what is not ours refused, an earlier one never damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reports::{FolderError, ResultFolder, write_all};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::sample;

fn result_at(path: &Path) -> PathBuf {
    let folder = ResultFolder::prepare(path).unwrap();
    write_all(folder, &sample::outcome(), &json!({"threads": 2})).unwrap()
}

fn refused(path: &Path) -> FolderError {
    let before = contents(path);
    let error = ResultFolder::prepare(path).expect_err("must be refused");
    assert_eq!(contents(path), before);
    error
}

/// Files in a folder and the bytes in them.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|e| e.unwrap().path())
        .map(|p| (p.clone(), fs::read(p).unwrap_or_default()))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    contents(folder).keys().map(|p| p.file_name().unwrap().to_string_lossy().into()).collect()
}

#[test]
fn holds_everything_and_leaves_nothing_beside_it() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("deep/er/out");
    result_at(&path);
    assert_eq!(
        names(&path),
        [
            "claims.csv",
            "decode-curve.csv",
            "decode-curve.png",
            "frontier.csv",
            "frontier.png",
            "layer-timeline.png",
            "layers.csv",
            "links.csv",
            "machines.csv",
            "manifest.json",
            "memory.csv",
            "operators.csv",
            "outcome.json",
            "parameters.csv",
            "placement.png",
            "regions.csv",
            "report.html",
            "sensitivity.csv",
            "sensitivity.png",
            "timing.json",
            "token-split.csv",
            "token-split.png",
            "wafer-heat.png",
        ]
    );
    assert_eq!(names(path.parent().unwrap()), ["out"]);
}

#[test]
fn only_the_timing_differs_between_two_equal_runs() {
    let dir = tempdir().unwrap();
    let write = |name: &str, threads: u32| {
        let path = dir.path().join(name);
        let folder = ResultFolder::prepare(&path).unwrap();
        write_all(folder, &sample::outcome(), &json!({"threads": threads})).unwrap();
        path
    };
    let (one, two) = (write("one", 1), write("two", 2));
    for name in names(&one) {
        let same = fs::read(one.join(&name)).unwrap() == fs::read(two.join(&name)).unwrap();
        assert_eq!(same, name != "timing.json", "{name}");
    }
}

#[test]
fn an_earlier_result_and_an_empty_folder_are_replaced() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("out");
    fs::create_dir(&path).unwrap();
    result_at(&path);
    let before = contents(&path);
    let mut folder = ResultFolder::prepare(&path).unwrap();
    folder.write("outcome.json", b"{\"schema_version\": 1}").unwrap();
    assert_eq!(contents(&path), before, "nothing changes before the commit");
    folder.commit().unwrap();
    assert_eq!(names(&path), ["manifest.json", "outcome.json"]);
    assert_eq!(names(dir.path()), ["out"]);
    result_at(&path);
}

#[test]
fn without_a_commit_nothing_is_left() {
    let dir = tempdir().unwrap();
    let mut folder = ResultFolder::prepare(&dir.path().join("a/b/out")).unwrap();
    folder.write("outcome.json", b"{}").unwrap();
    drop(folder);
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn anything_else_is_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("out");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    assert!(refused(&path).to_string().contains("no result of this simulator"));

    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(refused(&file), FolderError::IsFile { .. }));
    assert!(matches!(refused(&file.join("out")), FolderError::Io { .. }), "a file as parent");
    assert!(matches!(refused(&file.join("deep/out")), FolderError::Io { .. }));
    assert!(matches!(refused(Path::new("/")), FolderError::NoName { .. }));
    assert!(matches!(refused(&dir.path().join("absent/..")), FolderError::NoName { .. }));
    assert!(matches!(refused(Path::new("/proc/out")), FolderError::Io { .. }));
    assert_eq!(names(dir.path()), ["file", "out"], "no folder left behind");
}

#[test]
fn a_result_with_something_of_the_user_is_refused() {
    let dir = tempdir().unwrap();
    let path = result_at(&dir.path().join("out"));
    fs::write(path.join("notes.txt"), "mine").unwrap();
    assert!(refused(&path).to_string().contains("notes.txt"));
    fs::remove_file(path.join("notes.txt")).unwrap();
    fs::remove_file(path.join("report.html")).unwrap();
    fs::create_dir(path.join("report.html")).unwrap();
    assert!(refused(&path).to_string().contains("report.html"));
}

#[test]
fn a_broken_result_is_refused() {
    for (file, bytes) in [
        ("outcome.json", "{\"schema_version\": "),
        ("outcome.json", "{}"),
        ("manifest.json", "[]"),
        ("manifest.json", "{\"format\": \"other\"}"),
    ] {
        let dir = tempdir().unwrap();
        let path = result_at(&dir.path().join("out"));
        fs::write(path.join(file), bytes).unwrap();
        assert!(refused(&path).to_string().contains(file), "{file} with {bytes}");
    }
}

#[test]
fn a_folder_filled_meanwhile_is_not_touched() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("out");
    let folder = ResultFolder::prepare(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    assert!(matches!(folder.commit(), Err(FolderError::Foreign { .. })));
    assert_eq!(names(&path), ["notes.txt"]);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn a_commit_that_fails_leaves_the_earlier_result() {
    let dir = tempdir().unwrap();
    let path = result_at(&dir.path().join("out"));
    let before = contents(&path);
    let folder = ResultFolder::prepare(&path).unwrap();
    fs::remove_dir_all(folder.partial()).unwrap();
    assert!(matches!(folder.commit(), Err(FolderError::Io { .. })));
    assert_eq!(contents(&path), before);
    assert_eq!(names(dir.path()), ["out"]);
}

/// A folder as a crash leaves it, with the process number of this run.
fn leave(dir: &TempDir, role: &str, number: u32) -> PathBuf {
    let name = format!(".out.{role}-{}-{number}", std::process::id());
    let path = dir.path().join(name);
    fs::create_dir(&path).unwrap();
    path
}

#[test]
fn leftovers_of_a_crash_do_not_block() {
    let dir = tempdir().unwrap();
    let (half, old) = (leave(&dir, "partial", 0), leave(&dir, "previous", 0));
    fs::write(half.join("outcome.json"), "{").unwrap();
    fs::write(old.join("precious"), "mine").unwrap();
    let path = result_at(&dir.path().join("out"));
    result_at(&path);
    assert!(half.exists() && old.join("precious").exists());
}

#[test]
fn a_result_that_a_crash_left_moved_aside_comes_back() {
    let dir = tempdir().unwrap();
    let path = result_at(&dir.path().join("out"));
    let before: Vec<_> = contents(&path).into_values().collect();
    fs::rename(&path, dir.path().join(".out.previous-1-0")).unwrap();
    drop(ResultFolder::prepare(&path).unwrap());
    assert_eq!(contents(&path).into_values().collect::<Vec<_>>(), before);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_stay() {
    use std::os::unix::fs::symlink;
    let dir = tempdir().unwrap();
    let real = result_at(&dir.path().join("real"));
    let link = dir.path().join("link");
    symlink(&real, &link).unwrap();
    assert_eq!(result_at(&link), fs::canonicalize(&real).unwrap());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    let dangling = dir.path().join("dangling");
    symlink(dir.path().join("absent"), &dangling).unwrap();
    assert!(matches!(refused(&dangling), FolderError::Io { .. }));

    let to_file = dir.path().join("to-file");
    symlink(real.join("outcome.json"), &to_file).unwrap();
    assert!(matches!(refused(&to_file), FolderError::IsFile { .. }));

    // A file of the result that leads elsewhere was not written by a run.
    fs::remove_file(real.join("report.html")).unwrap();
    symlink("/etc/hostname", real.join("report.html")).unwrap();
    assert!(refused(&real).to_string().contains("report.html"));
}
