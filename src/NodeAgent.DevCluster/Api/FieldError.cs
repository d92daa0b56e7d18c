namespace NodeAgent.DevCluster.Api;

/// <summary>One reason why an object is invalid; <see cref="Reason"/> is a cause type of the API such as FieldValueRequired.</summary>
internal readonly record struct FieldError(string Field, string Reason, string Detail)
{
    public static FieldError Required(string field, string detail = "") =>
        new(field, "FieldValueRequired", detail.Length > 0 ? $"Required value: {detail}" : "Required value");

    public static FieldError Invalid(string field, string shown, string detail) =>
        new(field, "FieldValueInvalid", $"Invalid value: {shown}: {detail}");

    public static FieldError Unsupported(string field, string shown, IEnumerable<string> supported) =>
        new(field, "FieldValueNotSupported", $"Unsupported value: {shown}: supported values: {string.Join(", ", supported.Select(s => $"\"{s}\""))}");

    public static FieldError TypeInvalid(string field, string shown, string detail) =>
        new(field, "FieldValueTypeInvalid", $"Invalid value: {shown}: {detail}");

    public static FieldError Forbidden(string field, string detail) => new(field, "FieldValueForbidden", $"Forbidden: {detail}");
}
