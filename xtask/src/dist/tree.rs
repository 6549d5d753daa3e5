//! The files of a package as they will lie on the system, with their modes, whatever the umask here is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::step::Step;

const FOLDER: u32 = 0o755;
const FILE: u32 = 0o644;
const PROGRAM: u32 = 0o755;

pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty one, in place of what was there.
    ///
    /// # Errors
    /// As in all that follows: where something can't be written.
    pub fn new(root: &Path) -> anyhow::Result<Tree> {
        if root.exists() {
            fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        let tree = Tree { root: root.to_owned() };
        tree.folder("")?;
        Ok(tree)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder with those above it.
    pub fn folder(&self, path: &str) -> anyhow::Result<()> {
        let folder = self.root.join(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for folder in folder.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
            set_mode(folder, FOLDER)?;
        }
        Ok(())
    }

    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        self.write(path, content.as_ref(), FILE)
    }

    pub fn program(&self, path: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        self.write(path, content.as_ref(), PROGRAM)
    }

    pub fn copy(&self, from: &Path, path: &str) -> anyhow::Result<()> {
        self.file(path, fs::read(from).with_context(|| format!("cannot read {}", from.display()))?)
    }

    /// A file under this name and `.gz`, always of the same bytes.
    pub fn compressed(&self, path: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        self.file(path, content)?;
        Step::new("gzip", Command::new("gzip").args(["-9", "--no-name"]).arg(self.root.join(path))).run_quietly()
    }

    /// Every file, by its path from the root, in order.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        let mut files = Vec::new();
        list(&self.root, &mut files)?;
        let paths = files.iter().map(|file| Ok(file.strip_prefix(&self.root)?.display().to_string()));
        let mut paths = paths.collect::<anyhow::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn write(&self, path: &str, content: &[u8], mode: u32) -> anyhow::Result<()> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder)?;
        }
        let file = self.root.join(path);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        set_mode(&file, mode)
    }
}

fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot change the mode of {}", path.display()))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_a_package() {
        let root = std::env::temp_dir().join(format!("parceld-tree-{}", std::process::id()));
        let tree = Tree::new(&root).unwrap();
        tree.folder("etc/parceld/conf.d").unwrap();
        tree.file("etc/parceld/parceld.toml", "").unwrap();
        tree.program("usr/bin/parceld", "").unwrap();
        tree.compressed("usr/share/doc/changelog", "text").unwrap();
        for (path, mode) in [
            ("etc/parceld", 0o755),
            ("etc/parceld/conf.d", 0o755),
            ("etc/parceld/parceld.toml", 0o644),
            ("usr/bin/parceld", 0o755),
            ("usr/share/doc/changelog.gz", 0o644),
        ] {
            assert_eq!(fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777, mode, "{path}");
        }
        let files = ["etc/parceld/parceld.toml", "usr/bin/parceld", "usr/share/doc/changelog.gz"];
        assert_eq!(tree.files().unwrap(), files);
        assert_eq!(Tree::new(&root).unwrap().files().unwrap(), [""; 0]);
        fs::remove_dir_all(&root).unwrap();
    }
}
