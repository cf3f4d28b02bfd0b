//! Text that does nothing but show itself: without characters that a terminal, an XML parser or the Unicode
//! bidirectional algorithm would interpret, and without invisible ones.

use std::borrow::Cow;

/// Returns `text` on one line, without characters that a terminal, an XML parser or the Unicode bidirectional
/// algorithm would interpret: each run of these and of white space becomes one space.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || acts(c) {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Returns `text` with its lines, tabs and spaces, but without characters that do anything else than show
/// themselves: each run of these becomes one space. This is the last step before text leaves the program.
pub fn printable(text: &str) -> Cow<'_, str> {
    let kept = |c: char| matches!(c, '\n' | '\t') || !acts(c);
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut acted = false;
    // Lines of Windows end in two characters.
    for c in text.replace("\r\n", "\n").chars() {
        if kept(c) {
            out.push(c);
        } else if !acted {
            out.push(' ');
        }
        acted = !kept(c);
    }
    Cow::Owned(out)
}

/// Whether `c` does something else than show itself: a control character (C0, DEL, C1), one that changes the
/// direction of text or is invisible, a separator of lines or paragraphs, or one that is forbidden in XML.
///
/// The invisible ones are those of the property `Default_Ignorable_Code_Point` of Unicode, and the annotations
/// of the block Specials.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || matches!(c, '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (u32::from(c) & 0xfffe) == 0xfffe
}

/// Returns `text` cut to at most `limit` characters; the last one then is an ellipsis.
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.into();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_changes_become_one_space() {
        assert_eq!(clean("  a\u{1b}[31m\r\n\t b\u{202e}c\u{0} "), "a [31m b c");
        assert_eq!(clean("\u{feff}\u{ffff}"), "");
        assert_eq!(clean("Adreno™ 740"), "Adreno™ 740");
    }

    #[test]
    fn printed_text_keeps_its_lines_and_loses_what_acts() {
        assert_eq!(printable("a\tb\n  c · d\u{a0}e"), "a\tb\n  c · d\u{a0}e");
        assert!(matches!(printable("plain\n"), Cow::Borrowed(_)));
        // ESC, BEL, DEL, CSI as one character of C1, an override, an isolate, a zero-width joiner, a tag.
        for c in
            ['\u{1b}', '\u{7}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200d}', '\u{e0041}', '\r']
        {
            assert_eq!(printable(&format!("a{c}{c}b\n")), "a b\n", "{c:?}");
        }
        assert_eq!(printable("a\r\nb\r\n\u{1b}"), "a\nb\n ");
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis_and_keeps_its_limit() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("ÄÖÜß", 2), "Ä…");
    }
}
