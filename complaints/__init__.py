"""Complaints, suggestions and consultation (咨询投诉): one number shared with the 12345 hotline through the core."""
