using System.Text;
using System.Text.RegularExpressions;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>A template of the chart, made from one manifest.</summary>
internal sealed partial class ChartTemplate
{
    private readonly StringBuilder _text = new();
    private readonly List<ChartValue> _values = [];
    private readonly string[] _lines;

    private ChartTemplate(string[] lines) => _lines = lines;

    public string Text => _text.ToString();

    public IReadOnlyList<ChartValue> Values => _values;

    public static ChartTemplate Of(string[] lines)
    {
        var template = new ChartTemplate(lines);
        template.Write();
        return template;
    }

    private void Write()
    {
        _text.Append("# Made from daemonset/ by ChartTests: change the manifest there.\n");
        var first = 0;
        var enabled = Enabled().Match(_lines[0]);
        if (enabled.Success)
        {
            _values.Add(new(enabled.Groups["path"].Value, enabled.Groups["default"].Value, []));
            _text.Append($"{{{{- if .Values.{enabled.Groups["path"].Value} }}}}\n");
            first = 1;
        }

        for (var i = first; i < _lines.Length; i++) i = WriteLine(i);
        if (enabled.Success) _text.Append("{{- end }}\n");
    }

    /// <summary>The last line that is done with.</summary>
    private int WriteLine(int i)
    {
        var line = _lines[i];
        if (More().Match(line) is { Success: true } more)
        {
            var (indent, path) = (more.Groups["indent"].Value, more.Groups["path"].Value);
            _values.Add(new(path, "[]", Description(i)));
            _text.Append($"{indent}{{{{- range .Values.{path} }}}}\n{indent}- {{{{ . | toJson }}}}\n{indent}{{{{- end }}}}\n");
        }
        else if (Flag().Match(line) is { Success: true } flag)
        {
            _values.Add(new(flag.Groups["path"].Value, flag.Groups["default"].Value, []));
            _text.Append($"{flag.Groups["indent"].Value}- {{{{ printf \"{flag.Groups["flag"].Value}%s\" .Values.{flag.Groups["path"].Value} | toJson }}}}\n");
        }
        else if (Field().Match(line) is { Success: true } field)
        {
            var (key, path, inline) = (field.Groups["key"].Value, field.Groups["path"].Value, field.Groups["default"].Value);
            var description = Description(i);
            if (inline.Length == 0) (inline, i) = Block(i);
            _values.Add(new(path, inline, description));
            _text.Append($"{key}: {{{{ .Values.{path} | toJson }}}}\n");
        }
        else if (Namespace().Match(line) is { Success: true } ns)
        {
            _text.Append($"{ns.Groups["key"].Value}: {{{{ .Release.Namespace | toJson }}}}\n");
        }
        else if (line.Contains("# values:", StringComparison.Ordinal) || line.Contains("# release:", StringComparison.Ordinal) || line.Contains("# enabled:", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"line {i + 1}: the mark is not understood: {line.Trim()}");
        }
        else
        {
            // What is a template of somebody else's, as in alerts, stays as it is.
            _text.Append(line.Replace("{{", "{{ \"{{\" }}", StringComparison.Ordinal)).Append('\n');
        }

        return i;
    }

    /// <summary>The lines below that are indented more, without the indentation that they share; and the last of them.</summary>
    private (string Text, int Last) Block(int i)
    {
        var own = Indentation(_lines[i]);
        var last = i;
        while (last + 1 < _lines.Length && Indentation(_lines[last + 1]) > own) last++;
        if (last == i) throw new InvalidDataException($"line {i + 1}: a value without a default: {_lines[i].Trim()}");
        var shared = Indentation(_lines[i + 1]);
        return (string.Join('\n', _lines[(i + 1)..(last + 1)].Select(line => line[shared..])), last);
    }

    /// <summary>The comment that ends on the line above.</summary>
    private string[] Description(int i)
    {
        var from = i;
        while (from > 0 && Comment().IsMatch(_lines[from - 1])) from--;
        return [.. _lines[from..i].Select(line => line.Trim().TrimStart('#').Trim())];
    }

    private static int Indentation(string line) => line.Length - line.TrimStart(' ').Length;

    [GeneratedRegex(@"^# enabled: (?<path>[A-Za-z.]+) = (?<default>true|false)$")]
    private static partial Regex Enabled();

    [GeneratedRegex(@"^(?<indent> *)# values: (?<path>[A-Za-z.]+)$")]
    private static partial Regex More();

    [GeneratedRegex(@"^(?<indent> *)- (?<flag>--[a-z-]+=)(?<default>\S+) # values: (?<path>[A-Za-z.]+)$")]
    private static partial Regex Flag();

    [GeneratedRegex(@"^(?<key> *(- )?[A-Za-z.]+):( (?<default>[^#]+))? # values: (?<path>[A-Za-z.]+)$")]
    private static partial Regex Field();

    [GeneratedRegex(@"^(?<key> *(- )?namespace): \S+ # release: namespace$")]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^ *# (?!values:|release:|enabled:)")]
    private static partial Regex Comment();
}
