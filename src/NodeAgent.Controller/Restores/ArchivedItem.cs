namespace NodeAgent.Controller.Restores;

/// <summary>An object in a backup's archive: its type, its namespace ("" for none), its name and the file it was unpacked to.</summary>
internal sealed record ArchivedItem(string GroupResource, string Namespace, string Name, string File);
