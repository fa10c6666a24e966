// Colours for code: comments, strings, numbers and words of the language. One generic reader for many languages; what it
// does not know stays plain.

const WORDS = {
  c: "auto bool break case catch char class const constexpr continue default delete do double else enum explicit extern false float for friend goto if inline int long namespace new nullptr operator private protected public return short signed sizeof static struct switch template this throw true try typedef typename union unsigned using virtual void volatile while",
  go: "break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var",
  java: "abstract boolean break byte case catch char class const continue default do double else enum extends false final finally float for if implements import instanceof int interface long new null package private protected public record return short static super switch this throw throws true try var void while",
  js: "as async await break case catch class const continue default delete do else export extends false finally for from function if implements import in instanceof interface let new null of return static super switch this throw true try type typeof undefined var void while yield",
  python: "and as assert async await break class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield",
  ruby: "begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue return self super then true unless until when while yield",
  rust: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return Self self static struct super trait true type unsafe use where while",
  shell: "case do done elif else esac export fi for function if in local return then until while",
  sql: "all and as asc between by case count create delete desc distinct drop else end exists from full group having in inner insert into is join key left like limit not null offset on or order outer primary references right select set sum table then union unique update values when where with",
  swift: "actor any as associatedtype async await break case catch class continue default defer do else enum extension fallthrough false fileprivate final for func guard if import in indirect init inout internal is let mutating nil open override package private protocol public repeat rethrows return self Self some static struct subscript super switch throw throws true try typealias var where while",
  json: "true false null",
};
const ALIASES = {
  bash: "shell", "c++": "c", cc: "c", console: "shell", cpp: "c", cs: "java", csharp: "java", cuda: "c", h: "c", javascript: "js",
  jsx: "js", kotlin: "java", py: "python", python3: "python", rb: "ruby", rs: "rust", sh: "shell", ts: "js", tsx: "js",
  typescript: "js", yaml: "shell", yml: "shell", toml: "shell", zsh: "shell",
};
const HASH_COMMENTS = new Set(["python", "ruby", "shell"]);

const cache = new Map();

/// How to read a language, or null for one that is not known.
function readerOf(language) {
  const name = ALIASES[language.toLowerCase()] ?? language.toLowerCase();
  if (!Object.hasOwn(WORDS, name)) return null;
  if (!cache.has(name)) {
    const comment = HASH_COMMENTS.has(name) ? "#[^\\n]*" : name === "sql" ? "--[^\\n]*" : "\\/\\/[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)";
    const string = `"""[^]*?(?:"""|$)|"(?:[^"\\\\\\n]|\\\\.)*"?|'(?:[^'\\\\\\n]|\\\\.)*'?|\`(?:[^\`\\\\]|\\\\.)*\`?`;
    const number = "\\b(?:0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b";
    cache.set(name, {
      pattern: new RegExp(`(?<comment>${comment})|(?<string>${string})|(?<number>${number})|(?<word>[A-Za-z_]\\w*)`, "g"),
      words: new Set(WORDS[name].split(" ")),
      ignoresCase: name === "sql",
    });
  }
  return cache.get(name);
}

/// The nodes that show `text`: strings and coloured spans.
export function highlighted(text, language) {
  const reader = readerOf(language);
  if (!reader) return [text];
  const nodes = [];
  let plain = "";
  let end = 0;
  for (const match of text.matchAll(reader.pattern)) {
    const { comment, string, number, word } = match.groups;
    plain += text.slice(end, match.index);
    end = match.index + match[0].length;
    const isWord = word && reader.words.has(reader.ignoresCase ? word.toLowerCase() : word);
    const kind = comment ? "comment" : string ? "string" : number ? "number" : isWord ? "keyword" : null;
    if (!kind) {
      plain += match[0];
      continue;
    }
    const span = document.createElement("span");
    span.className = `code-${kind}`;
    span.textContent = match[0];
    nodes.push(plain, span);
    plain = "";
  }
  nodes.push(plain + text.slice(end));
  return nodes;
}
