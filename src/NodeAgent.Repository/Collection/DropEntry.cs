using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>A record that makes forget marks final.</summary>
/// <param name="Key">The object.</param>
/// <param name="Session">Who wrote it.</param>
/// <param name="Written">When.</param>
/// <param name="Marks">The names of the marks.</param>
/// <param name="Damage">Why it cannot be read.</param>
internal sealed record DropEntry(string Key, string Session, DateTimeOffset Written, IReadOnlySet<string> Marks, RepositoryFormatException? Damage);
