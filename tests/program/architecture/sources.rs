//! The files of the house, and what each of them names.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below `folder`, in order.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, &mut files);
    files.sort();
    files
}

/// A path in the code, from its first word on: `["crate", "units", "bytes"]`.
pub type Words = Vec<String>;

/// What a file says of other files; what stands only in its tests is left out.
#[derive(Debug, Default)]
pub struct Named {
    /// Every path that is used, in code, in `use` and in the arguments of macros.
    pub paths: BTreeSet<Words>,
    /// What `pub use` passes on: the name seen from outside, or `*`, with the path behind it.
    pub passed_on: Vec<(String, Words)>,
    /// The first words of all imports: crates, `crate`, `super` and modules.
    pub imports: BTreeSet<String>,
    /// The modules that are declared.
    pub modules: BTreeSet<String>,
    /// The items that are defined.
    pub items: BTreeSet<String>,
}

impl Named {
    /// Reads one file.
    ///
    /// # Panics
    /// If the text is no Rust.
    pub fn read(text: &str) -> Self {
        let file = syn::parse_file(text).expect("a file of the house is Rust");
        let mut named = Self::default();
        named.visit_file(&file);
        named
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String], is_public: bool) {
        let longer = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&path.tree, &longer(&path.ident), is_public),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, before, is_public));
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.used(before.last().cloned().unwrap_or_default(), before.to_vec(), is_public);
            }
            syn::UseTree::Name(name) => self.used(name.ident.to_string(), longer(&name.ident), is_public),
            syn::UseTree::Rename(rename) => {
                self.used(rename.rename.to_string(), longer(&rename.ident), is_public);
            }
            syn::UseTree::Glob(_) => self.used("*".into(), before.to_vec(), is_public),
        }
    }

    fn used(&mut self, name: String, path: Words, is_public: bool) {
        self.imports.extend(path.first().cloned());
        if is_public {
            self.passed_on.push((name, path));
        } else {
            self.paths.insert(path);
        }
    }

    /// The paths among tokens that no parser knows the meaning of.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Words::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 && !path.is_empty() {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    // `a: b` is no path.
                    if colons == 1 && punct.spacing() == Spacing::Alone && !path.is_empty() {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                }
                other => {
                    if !path.is_empty() {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        if !path.is_empty() {
            self.paths.insert(path);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let name = match item {
            syn::Item::Mod(module) if is_test(&module.attrs) => return,
            syn::Item::Fn(function) if is_test(&function.attrs) => return,
            syn::Item::Use(item) if is_test(&item.attrs) => return,
            syn::Item::Mod(module) => {
                self.modules.insert(module.ident.to_string());
                None
            }
            syn::Item::Use(item) => {
                let is_public = !matches!(item.vis, syn::Visibility::Inherited);
                self.use_tree(&item.tree, &[], is_public);
                return;
            }
            syn::Item::ExternCrate(item) => {
                self.imports.insert(item.ident.to_string());
                None
            }
            syn::Item::Const(item) => Some(&item.ident),
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Fn(item) => Some(&item.sig.ident),
            syn::Item::Static(item) => Some(&item.ident),
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            syn::Item::Macro(item) => item.ident.as_ref(),
            _ => None,
        };
        self.items.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, used: &'ast syn::Macro) {
        self.tokens(used.tokens.clone());
        visit::visit_macro(self, used);
    }
}

/// The modules of a crate by their path below its root, the root itself with an empty one.
pub fn modules(folder: &Path) -> BTreeMap<Words, (PathBuf, Named)> {
    let module = |path: &Path| {
        let inside = path.strip_prefix(folder).expect("a file is below its folder").with_extension("");
        let mut words: Words = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if words.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            words.pop();
        }
        words
    };
    sources(folder)
        .into_iter()
        .map(|path| {
            let named = Named::read(&fs::read_to_string(&path).expect("a source is readable"));
            (module(&path), (path, named))
        })
        .collect()
}
