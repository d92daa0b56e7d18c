namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Sizes from one to another, both included. Zero leaves a side open.</summary>
internal readonly record struct CapacityRange(decimal Lower, decimal Upper)
{
    public bool Contains(decimal size) => size >= Lower && (Upper == 0 || size <= Upper);

    /// <summary>Reads <c>10Gi,100Gi</c>, where either side may be empty.</summary>
    /// <exception cref="FormatException">The text is no range.</exception>
    public static CapacityRange Parse(string text)
    {
        if (text.Length == 0) return default;
        var sides = text.Split(',');
        if (sides.Length != 2) throw new FormatException($"capacity \"{text}\" is no range; write it as \"10Gi,100Gi\", where either side may be empty");
        var range = new CapacityRange(Side(sides[0], text), Side(sides[1], text));
        return range.Upper >= range.Lower || range.Upper == 0 ? range : throw new FormatException($"capacity \"{text}\": the lower side is above the upper one");
    }

    private static decimal Side(string side, string text)
    {
        var trimmed = side.Trim();
        if (trimmed.Length == 0) return 0;
        return Quantity.TryParse(trimmed, out var amount) && amount >= 0 ? amount : throw new FormatException($"capacity \"{text}\": \"{trimmed}\" is no size such as 10Gi");
    }
}
