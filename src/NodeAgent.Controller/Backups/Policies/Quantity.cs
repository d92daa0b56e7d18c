using System.Globalization;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Amounts as Kubernetes writes them: <c>10Gi</c>, <c>1.5T</c>, <c>5e9</c>.</summary>
internal static class Quantity
{
    private static readonly string[] Binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    private static readonly string[] Large = ["k", "M", "G", "T", "P", "E"];
    private static readonly string[] Small = ["m", "u", "n"];

    public static bool TryParse(string? text, out decimal amount)
    {
        amount = 0;
        if (string.IsNullOrEmpty(text)) return false;
        var digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.' || (digits == 0 && text[0] is '+' or '-'))) digits++;
        if (!decimal.TryParse(text[..digits], NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
        var suffix = text[digits..];
        try
        {
            if (suffix.Length == 0) amount = number;
            else if (Array.IndexOf(Binary, suffix) is >= 0 and var b) amount = number * Power(1024, b + 1);
            else if (Array.IndexOf(Large, suffix) is >= 0 and var l) amount = number * Power(1000, l + 1);
            else if (Array.IndexOf(Small, suffix) is >= 0 and var s) amount = number / Power(1000, s + 1);
            else if (suffix[0] is 'e' or 'E' && int.TryParse(suffix[1..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var exponent) && Math.Abs(exponent) <= 28)
                amount = exponent < 0 ? number / Power(10, -exponent) : number * Power(10, exponent);
            else return false;
            return true;
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    private static decimal Power(decimal number, int times)
    {
        var power = 1m;
        for (var i = 0; i < times; i++) power *= number;
        return power;
    }
}
