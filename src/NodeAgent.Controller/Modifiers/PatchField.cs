namespace NodeAgent.Controller.Modifiers;

/// <summary>How a strategic merge treats one field.</summary>
/// <param name="Type">Type of the field's value, or of the items of its list, when that has fields in the table.</param>
/// <param name="Key">Field by which items of the list are known; null for a list that is replaced as a whole.</param>
/// <param name="IsSet">A list of plain values that are united.</param>
/// <param name="Replaces">An object that is replaced as a whole.</param>
internal sealed record PatchField(string? Type = null, string? Key = null, bool IsSet = false, bool Replaces = false)
{
    public static readonly PatchField Plain = new();
}
