namespace NodeAgent.Controller.Restores.Versions;

/// <summary>The API versions in which a backup holds a type; all of its objects are held in the preferred one.</summary>
internal sealed record ArchivedVersions(string Preferred, IReadOnlyCollection<string> All);
