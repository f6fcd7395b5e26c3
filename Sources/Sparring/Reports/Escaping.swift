extension String {
    /// As text or a quoted attribute of HTML and SVG. Control characters, which SVG cannot hold, become U+FFFD.
    var htmlEscaped: String {
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{fffe}", "\u{ffff}": escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// As text of Markdown on one line, in a table's cell too.
    var markdownEscaped: String {
        var escaped = ""
        for character in self {
            if character.isNewline {
                escaped += " "
            } else {
                if "\\`*_{}[]<>#|~&$".contains(character) { escaped += "\\" }
                escaped.append(character)
            }
        }
        return escaped
    }
}
