namespace NodeAgent.Stores.Locations;

/// <summary>An entry of a Secret.</summary>
/// <param name="Secret">The Secret's name.</param>
/// <param name="Key">The entry's.</param>
public readonly record struct SecretEntry(string Secret, string Key);
