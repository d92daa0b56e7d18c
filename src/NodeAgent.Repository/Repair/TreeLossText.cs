using System.Globalization;

namespace NodeAgent.Repository.Repair;

/// <summary>Losses in words.</summary>
public static class TreeLossText
{
    /// <summary>What is lost at the path, in one line.</summary>
    public static string Of(TreeLoss loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return loss.Kind switch
        {
            TreeLossKind.File => string.Create(CultureInfo.InvariantCulture, $"all {loss.Size} bytes are lost"),
            TreeLossKind.Part => string.Create(CultureInfo.InvariantCulture, $"{loss.LostBytes} of {loss.Size} bytes are lost; zeros stand in their place"),
            TreeLossKind.Attribute => $"the attribute {loss.Detail} is lost",
            _ when loss.Entries is { } count => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? "entry is" : "entries are")} lost, with all below ({loss.Detail})"),
            _ => $"entries are lost, with all below ({loss.Detail})",
        };
    }
}
